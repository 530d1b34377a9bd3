# Types of _methods.py: none. It is compiled because some methods are called for every operation.
