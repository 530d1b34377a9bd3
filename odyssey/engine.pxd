# The types of engine.py.

cimport cython

from odyssey.observe cimport Switch, observers
from odyssey.tape cimport Node, edge_of
from odyssey.tensor cimport TensorBase, wrap


cdef Switch _switch


cdef tuple _key(object edge)


@cython.final
cdef class _Walk:
    cdef bint create_graph
    cdef bint retain_graph
    cdef list heap
    cdef dict received
    cdef dict captured
    cdef set wanted
    cdef set useful
    cdef set passed
    cdef object start(self, TensorBase root, object grad)
    cdef object _seed(self, TensorBase root, object grad)
    cdef object run(self)

    @cython.locals(node=Node)
    cdef object _run(self)

    @cython.locals(target=Node, index=Py_ssize_t)
    cdef object send(self, object edge, object grad, bint exclusive)

    @cython.locals(kept=TensorBase)
    cdef object _keep(self, TensorBase leaf, object grad, bint exclusive)

    @cython.locals(edges=list, values=list, results=tuple, position=Py_ssize_t)
    cdef object _through(self, Node node, object grad)
    cdef object _pass(self, Node node, Py_ssize_t position, object edge, object grad,
                   tuple held)
    cdef tuple _call_rule(self, Node node, object grad)


cdef bint _owns_memory(object array) except -1
cdef Py_ssize_t _occurrences(object array, object values) except -1


@cython.locals(leaf=TensorBase, target=Node)
cdef object _fitted(Node node, Py_ssize_t position, object edge, object grad)
