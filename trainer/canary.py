"""Texts whose scores are stored with each version: a worker compares them after loading it.

They are ours, of no particular feeling, and cover the signs a tokeniser may stumble on.
"""

CANARIES = (
    "The shop opens at nine and closes at six.",
    "Please send the invoice to the address below.",
    "My order number is 48213.",
    "Is there a bus to the station after ten?",
    "I would like to change the delivery date.",
    "The manual has twelve pages and two drawings.",
    "We met on Tuesday; the next meeting is on Friday.",
    "It is not bad, it is not good.",
    "I don't know whether it works.",
    "The first part was great, the second was terrible.",
    "Thanks for your answer.",
    "Nothing happened when I pressed the button.",
    "WHERE IS THE ENTRANCE?",
    "hello???",
    "Well... that was something!!!",
    "ok",
    "7",
    "",
    " ",
    "@someone see https://example.org/page?id=1 #news",
    "The café naïvely served crème brûlée.",
    "Der Zug fährt um acht Uhr ab.",
    "Поезд отходит в восемь.",
    "القطار يغادر في الثامنة",
    "列车八点出发。",
    "\U0001f642 \U0001f641 ❤\ufe0f \U0001f44d\U0001f3fd",
    "A line\nand another line",
    "tab\tseparated\twords",
    "It\u2019s a \u201cquoted\u201d word \u2014 with a dash.",
    "one two three four five six seven eight nine ten " * 20,
    "supercalifragilistic" * 10,
    "price: 12.50 EUR (incl. 20 % VAT)",
)
