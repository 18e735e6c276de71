"""The health of a connector as its registry knows it: metrics, alerts, a page; nothing here asks Microsoft anything.

with open_stack("prod") as stack:
    snapshot = read_snapshot(stack.registry)
    print(metrics_text(snapshot))
"""
