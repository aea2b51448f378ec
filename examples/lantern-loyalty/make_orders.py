"""Writes orders.json: python3 examples/lantern-loyalty/make_orders.py > examples/lantern-loyalty/orders.json

Twenty invented members; the last one's number has a wrong check digit.
"""

import json

NAMES = ["Aoife Ní Cheallaigh", "Brian Walsh", "Ciara O'Dowd", "Donal Reid", "Eimear Burke"]
CITIES = ["Galway", "Sligo", "Ennis"]


def checked(body):
    total = 0
    for place, digit in enumerate(map(int, reversed(body))):
        double = digit * 2 if place % 2 == 0 else digit
        total += double - 9 if double > 9 else double
    return body + str(-total % 10)


members = []
for n in range(1, 21):
    number = checked(f"4{n:08d}")
    if n == 20:
        number = number[:-1] + str((int(number[-1]) + 1) % 10)
    members.append(
        {
            "number": number,
            "name": NAMES[n % len(NAMES)],
            "language": "ga" if n % 2 else "en",
            "tier": "GOLD" if n % 5 == 0 else "CLUB",
            "until": "2029-12",
            "address": {"street": f"{n} Lamp Street", "city": CITIES[n % len(CITIES)]},
        }
    )
print(json.dumps({"members": members}, ensure_ascii=False, indent=1))
