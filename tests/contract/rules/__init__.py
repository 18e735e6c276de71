"""Rules that vendors publish, as data: the judge of the product and of the emulator alike.

Each module holds one table. A row is a fact with the page or the place in a vendor's sources that states it; the module
says when they were read. Nothing here imports the product or the emulator, and neither of them imports this
(`tests/architecture/test_rules.py`): a test runs the product against a table, and another one the emulator.
Where one of the two differs from a table, the vendor's page decides; what differs on purpose is named beside the test,
with the reason.
"""
