"""Writes photos/: python3 examples/kestrel-access/make_photos.py (needs Pillow)

Drawn faces of nobody: six good ones, one of them as PNG, and one JPEG that was cut short on its way.
"""

import io
import pathlib

from PIL import Image, ImageDraw

PHOTOS = pathlib.Path(__file__).parent / "photos"
SIZE = (300, 400)
# Ground, clothes, skin, hair, length of the hair.
PEOPLE = [
    ("#C9D6DF", "#3F5B73", "#E3BC9A", "#5B4632", 60),
    ("#DDE3D5", "#5C6B4A", "#C68E65", "#2B2320", 150),
    ("#E6DCD2", "#7A3E3A", "#F0CFB4", "#B98B4E", 110),
    ("#D3DCE6", "#2F3640", "#8E5B3C", "#1D1A19", 40),
    ("#DAD7E3", "#5B4A6B", "#EBC5A8", "#8C3B22", 170),
    ("#D8E4E2", "#2E6B66", "#D9A87F", "#9A9A98", 80),
]


def drawn(ground, clothes, skin, hair, length):
    twice = Image.new("RGB", (SIZE[0] * 2, SIZE[1] * 2), ground)
    pen = ImageDraw.Draw(twice)
    pen.ellipse((60, 560, 540, 1040), fill=clothes)
    pen.ellipse((140, 110, 460, 420 + length), fill=hair)
    pen.rectangle((245, 430, 355, 600), fill=skin)
    pen.pieslice((215, 540, 385, 660), 0, 180, fill=skin)
    pen.ellipse((180, 170, 420, 520), fill=skin)
    pen.pieslice((165, 110, 435, 430), 180, 360, fill=hair)
    for x in (250, 350):
        pen.ellipse((x - 14, 330, x + 14, 350), fill="#FFFFFF")
        pen.ellipse((x - 8, 331, x + 8, 349), fill="#2A2A2A")
        pen.line((x - 24, 306, x + 24, 306), fill=hair, width=8)
    pen.line((300, 350, 290, 400, 306, 402), fill="#00000030", width=4)
    pen.arc((262, 410, 338, 460), 20, 160, fill="#8A3B3B", width=7)
    return twice.resize(SIZE, Image.LANCZOS)


PHOTOS.mkdir(exist_ok=True)
for number, person in enumerate(PEOPLE, 1):
    picture = drawn(*person)
    if number == 4:
        picture.save(PHOTOS / f"face-{number}.png", optimize=True)
    else:
        picture.save(PHOTOS / f"face-{number}.jpg", quality=85, progressive=number == 2)
cut = io.BytesIO()
drawn(*PEOPLE[2]).save(cut, "JPEG", quality=85)
(PHOTOS / "face-7.jpg").write_bytes(cut.getvalue()[:2000])
