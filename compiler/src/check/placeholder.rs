//! A first value for an attribute that is missing: by its type, for the author to correct.

use crate::model::{Decl, Model, Span};
use cardwright_vocabulary::{Attribute, CodeList, Is, Piece, Shape, Want, pieces};

/// A line that gives an attribute a value of its type; none where no value is better than another.
pub(super) fn line(model: &Model, decl: &Decl, row: &Attribute) -> Option<String> {
    let words = pieces(row.pattern)
        .into_iter()
        .all(|piece| matches!(piece, Piece::Word(_)));
    let (Shape::Value(is) | Shape::ValueAndBlock(is, _), true) = (row.shape, words) else {
        return None;
    };
    Some(format!(
        "{} = {}",
        row.pattern,
        value(model, decl.span, is)?
    ))
}

fn value(model: &Model, place: Span, is: Is) -> Option<String> {
    Some(match is {
        Is::Colour => "\"000000\"".to_owned(),
        Is::Expr(Want::Choice(words), _) => words.first()?.0.to_owned(),
        Is::Expr(Want::Condition, _) | Is::Truth => "true".to_owned(),
        Is::Expr(Want::Octets, _) => "x\"00\"".to_owned(),
        Is::Expr(Want::ServiceCode, _) => "201".to_owned(),
        Is::Expr(Want::Text(most), _) | Is::Text(most) => {
            let most = usize::try_from(most).unwrap_or(usize::MAX);
            format!("{:?}", "TEXT".get(..most).unwrap_or("TEXT"))
        }
        Is::Hex(least, _) => {
            let octets = usize::try_from(least).ok()?;
            format!("x\"{}\"", "00".repeat(octets))
        }
        Is::Key(uses) | Is::KeyByOrder(uses) => only(model, place, &["key"], Some(uses))?,
        Is::Length => "10 mm".to_owned(),
        Is::Code(CodeList::Countries) => "FR".to_owned(),
        Is::Code(CodeList::Currencies) => "EUR".to_owned(),
        Is::Number(least, _) => least.to_string(),
        Is::Point => "(10 mm, 10 mm)".to_owned(),
        Is::Ref(kinds) => only(model, place, kinds, None)?,
        Is::Named(words, _) => format!("[{}]", words.first()?),
        Is::RefList(kinds) | Is::RefListWhen(kinds) => {
            format!("[{}]", only(model, place, kinds, None)?)
        }
        Is::Word(words) => (*words.first()?).to_owned(),
        Is::WordList(words) => format!("[{}]", words.first()?),
        _ => return None,
    })
}

/// The only thing of some kinds that a file may name, as it is written there.
fn only(
    model: &Model,
    place: Span,
    kinds: &[&str],
    uses: Option<&'static [&'static str]>,
) -> Option<String> {
    let fits = |decl: &Decl| {
        let used = decl.attribute("use").and_then(|e| e.single()?.dotted());
        kinds.contains(&decl.kind.as_str())
            && !decl.poisoned
            && uses.is_none_or(|uses| used.is_some_and(|used| uses.contains(&used.as_str())))
    };
    model.only_visible(place.file, fits)
}
