//! The reference book's plain marks as HTML: headings, paragraphs, tables, lists, code.

use serde::Serialize;
use std::collections::BTreeSet;

/// A heading, for the list of contents.
#[derive(Serialize)]
pub(super) struct Entry {
    level: usize,
    id: String,
    title: String,
}

/// The headings of the second and third level, in order.
pub(super) fn contents(markdown: &str) -> Vec<Entry> {
    let mut ids = BTreeSet::new();
    let mut in_code = false;
    let mut found = Vec::new();
    for line in markdown.lines() {
        in_code ^= line.starts_with("```");
        if !in_code && line.starts_with('#') {
            let (level, title) = level_and_title(line);
            let id = id(title, &mut ids);
            let title = title.replace('`', "");
            found.push(Entry { level, id, title });
        }
    }
    found.retain(|entry| matches!(entry.level, 2 | 3));
    found
}

/// One page's text as HTML; everything that is no mark is escaped.
pub(super) fn html(markdown: &str) -> String {
    let mut out = String::new();
    let mut open = "";
    let mut in_code = false;
    let mut ids = BTreeSet::new();
    for line in markdown.lines() {
        if line.starts_with("```") {
            close(&mut out, &mut open);
            out.push_str(if in_code {
                "</code></pre>\n"
            } else {
                "<pre><code>"
            });
            in_code = !in_code;
            continue;
        }
        if in_code {
            out.push_str(&format!("{}\n", escaped(line)));
            continue;
        }
        let wanted = kind(line);
        if wanted != open {
            close(&mut out, &mut open);
        }
        match wanted {
            "table" => row(&mut out, line, open != "table"),
            "ul" => {
                out.push_str(if open == "ul" { "" } else { "<ul>\n" });
                out.push_str(&format!(
                    "<li>{}</li>\n",
                    inline(line.trim_start_matches("- "))
                ));
            }
            "h" => heading(&mut out, line, &mut ids),
            "p" => {
                out.push_str(if open == "p" { "\n" } else { "<p>" });
                out.push_str(&inline(line));
            }
            _ => {}
        }
        open = if wanted == "h" { "" } else { wanted };
    }
    close(&mut out, &mut open);
    out
}

fn kind(line: &str) -> &'static str {
    match line.chars().next() {
        None => "",
        Some('#') => "h",
        Some('|') => "table",
        Some('-') if line.starts_with("- ") => "ul",
        Some(_) => "p",
    }
}

fn close(out: &mut String, open: &mut &str) {
    out.push_str(match *open {
        "table" => "</tbody></table></div>\n",
        "ul" => "</ul>\n",
        "p" => "</p>\n",
        _ => "",
    });
    *open = "";
}

fn heading(out: &mut String, line: &str, ids: &mut BTreeSet<String>) {
    let (level, title) = level_and_title(line);
    let id = id(title, ids);
    let title = inline(title);
    out.push_str(&format!("<h{level} id=\"{id}\">{title}</h{level}>\n"));
}

fn level_and_title(line: &str) -> (usize, &str) {
    let level = line.chars().take_while(|c| *c == '#').count().min(6);
    (level, line.trim_start_matches('#').trim())
}

/// A heading's identifier; the second of one name is `name-2`.
fn id(title: &str, ids: &mut BTreeSet<String>) -> String {
    let letters = title.to_lowercase();
    let letters = letters.chars().filter(|c| c.is_alphanumeric() || *c == ' ');
    let name: String = letters.map(|c| if c == ' ' { '-' } else { c }).collect();
    let mut id = name.clone();
    for number in 2.. {
        if ids.insert(id.clone()) {
            break;
        }
        id = format!("{name}-{number}");
    }
    id
}

fn row(out: &mut String, line: &str, first: bool) {
    let inside = line.trim().trim_start_matches('|').trim_end_matches('|');
    let cells: Vec<String> = inside
        .replace("\\|", "\u{1}")
        .split('|')
        .map(|cell| cell.trim().replace('\u{1}', "|"))
        .collect();
    if cells
        .iter()
        .all(|c| !c.is_empty() && c.chars().all(|c| matches!(c, '-' | ':')))
    {
        return;
    }
    let (begin, end) = match first {
        true => ("<th scope=\"col\">", "</th>"),
        false => ("<td>", "</td>"),
    };
    let cells = cells
        .iter()
        .map(|text| format!("{begin}{}{end}", inline(text)));
    let row = format!("<tr>{}</tr>\n", cells.collect::<String>());
    match first {
        true => out.push_str(&format!(
            "<div class=\"wide\"><table><thead>{row}</thead><tbody>\n"
        )),
        false => out.push_str(&row),
    }
}

/// Code, strong words and links inside a line.
fn inline(text: &str) -> String {
    let mut out = String::new();
    for (n, part) in text.split('`').enumerate() {
        let part = escaped(part);
        if n % 2 == 1 {
            out.push_str(&format!("<code>{part}</code>"));
            continue;
        }
        for (n, words) in part.split("**").enumerate() {
            match n % 2 {
                1 => out.push_str(&format!("<strong>{words}</strong>")),
                _ => out.push_str(words),
            }
        }
    }
    out
}

fn escaped(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    text.replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::{contents, html};

    #[test]
    fn headings_of_one_name_have_ids_of_their_own() {
        let text = "# Book\n## Card\n```\n# no heading\n```\n### `card`\n## Card\n";
        let page = html(text);
        for entry in contents(text) {
            let id = format!(" id=\"{}\">", entry.id);
            assert_eq!(page.matches(&id).count(), 1, "{id}");
        }
        assert_eq!(contents(text).len(), 3);
    }

    #[test]
    fn marks_become_elements() {
        let page =
            html("# A `b`\n\nOne\ntwo <x>.\n\n| a | b |\n|---|---|\n| 1 | `2` |\n\n- item\n");
        assert!(
            page.contains("<h1 id=\"a-b\">A <code>b</code></h1>"),
            "{page}"
        );
        assert!(page.contains("<p>One\ntwo &lt;x&gt;.</p>"), "{page}");
        assert!(
            page.contains("<th scope=\"col\">a</th>") && page.contains("<td><code>2</code></td>"),
            "{page}"
        );
        assert!(page.contains("<ul>\n<li>item</li>\n</ul>"), "{page}");
        assert_eq!(
            page.matches("<table>").count(),
            page.matches("</table>").count()
        );
    }
}
