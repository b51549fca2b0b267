"""What `lull doctor` thinks of a machine: facts in, findings out. Pure, on the standard library alone.

`facts` says what is known, `player.audio` finds it out, the other files judge it. So each judgement can be tried
without the fault that it is about, and nothing here can hang.
"""
