"""Networks: stacks of R networks of equal width that a flow knows by outputs, pullback and kernel.

Nothing is imported here: planning and status look into `span` and `unrolled`, and do without torch.
"""
