"""Writes orders.csv: python3 examples/harbour-prepaid/make_orders.py > examples/harbour-prepaid/orders.csv

Twenty orders of invented people; the last is a card without a name that holds too much.
"""

NAMES = ["Ada Brook", "", "Bram de Wit", "Chloé Marchand", "", "Dagny Solberg", "Emre Yıldız", ""]
CITIES = ["Rotterdam", "Oostende", "Bergen", "Cork", "Gdańsk"]


def pan(number):
    body = f"999992{number:09d}"
    total = 0
    for place, digit in enumerate(map(int, reversed(body))):
        double = digit * 2 if place % 2 == 0 else digit
        total += double - 9 if double > 9 else double
    return body + str(-total % 10)


print("Reference;Card number;Expiry;Product;Name on card;Street;City;Loaded cents")
for n in range(1, 21):
    name = "" if n == 20 else NAMES[n % len(NAMES)]
    product = "TRAV" if name and n % 3 == 0 else "GIFT"
    cents = 30000 if n == 20 else 1000 * n
    row = [f"W{n:09d}", pan(4_000 + n), "0630", product, name, f"Quay {n}"]
    print(";".join([*row, CITIES[n % len(CITIES)], str(cents)]))
