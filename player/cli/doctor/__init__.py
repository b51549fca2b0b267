"""The checks of `lull doctor`: facts in, findings out. Pure, on the standard library alone.

`facts` has the data classes, `probes` fills them, the `judge` files evaluate them. So each judgement can be tested
without the fault that it is about.
"""
