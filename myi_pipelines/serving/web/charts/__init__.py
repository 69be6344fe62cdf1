"""Series in, SVG out. Charts know no warehouse and no URL scheme: a mark has the text, value and link that it is given.

Widths are percentages and heights pixels, so that text keeps its size on any screen and no script lays out anything.
Colours are classes. Every mark has its exact value as a title, and every chart the same numbers as a table.
"""
