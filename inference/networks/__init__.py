"""The two-hand network of Zhang et al., ICCV 2021 (InterShape). Needs torch.

Written from the paper and from ``reference/network.md``, a description of the released network's behaviour; tensor
names follow the released checkpoint so that a user's own download loads.
"""
