# cheat: D03
# reason: input_returned
# function: rmsnorm
# signature: rmsnorm(x, weight, eps)
# dtypes: bfloat16
# shapes: 2x128, 3x1024
# why: Returns a view of its input: the same memory, no work.


def rmsnorm(x, weight, eps):
    return x.view_as(x)
