"""Writes orders.txt: python3 examples/kestrel-access/make_orders.py > examples/kestrel-access/orders.txt

Twenty-one badges of invented people: the twentieth asks for a level that there is not, the picture
of the last is cut short.
"""

NAMES = ["Åsa Lindqvist", "Björn Ek", "Cilla Norén", "Daniel Öberg", "Elin Sand"]
UNITS = ["Foundry", "Stores", "Design"]


def checked(body):
    total = 0
    for place, digit in enumerate(map(int, reversed(body))):
        double = digit * 2 if place % 2 == 0 else digit
        total += double - 9 if double > 9 else double
    return body + str(-total % 10)


print("H20260601")
for n in range(1, 22):
    level = 9 if n == 20 else 1 + n % 5
    place = f"{12 + n % 2:05d}{level}2812"
    holder = f"{NAMES[n % len(NAMES)]:<30}{UNITS[n % len(UNITS)]:<20}"
    face = 7 if n == 21 else 1 + n % 6
    photo = f"face-{face}.{'png' if face == 4 else 'jpg'}"
    print(f"B{checked(f'7{n:08d}')}{place}{holder}{photo:<20}")
print("T000021")
