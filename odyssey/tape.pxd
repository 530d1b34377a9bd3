# The types of tape.py.

cimport cython

from odyssey.backend cimport current
from odyssey.grad_mode cimport is_grad_enabled
from odyssey.observe cimport Switch, observers
from odyssey.operation cimport Getter, Operation
from odyssey.tensor cimport Storage, TensorBase, borrow, memory_of, wrap


@cython.final
@cython.freelist(64)
@cython.no_gc                       # it leads to Storage only, from which nothing leads back
cdef class Guard:
    cdef public Storage storage
    cdef public Py_ssize_t version
    cdef public str name


@cython.final
@cython.freelist(64)
@cython.trashcan(True)              # a long chain of nodes is freed without recursion
cdef class Node:
    cdef public object order
    cdef public Operation operation
    cdef public object selection
    cdef public list edges
    cdef public list values
    cdef public list formula_values
    cdef public list guards
    cdef public object shape
    cdef public object dtype
    cdef public list others
    cdef public object place
    cdef public dict retained

    cpdef object free(self)

    @cython.locals(guard=Guard)
    cpdef object check_intact(self)


cpdef object edge_of(TensorBase tensor)


@cython.locals(tensor=TensorBase)
cdef object _edge(object value)


cdef bint _some(list edges)


cdef bint _noting


cdef Switch _switch


cdef object _unwrap(object value)


cdef object _like(object outputs, list values)


@cython.locals(tensor=TensorBase, found=bint, wanted=bint, position=Py_ssize_t, arrays=list)
cdef object _run(Operation operation, tuple args, bint with_saved)


@cython.locals(tensor=TensorBase)
cdef object _output(Operation operation, object array, object args)


@cython.locals(tensor=TensorBase)
cdef object _lender(object array, object base, object args)


@cython.locals(node=Node, getter=Getter, position=Py_ssize_t, index=Py_ssize_t, edges=list)
cdef object _record(Operation operation, tuple args, list arrays, object out, object saved,
                    object result)


@cython.locals(getter=Getter)
cdef list _picked(list getters, list arrays, object out, object saved, object needs)


@cython.locals(guard=Guard)
cdef object _guard(Node node, object value, str name)


cdef object _connect_output(Node node, Py_ssize_t index, TensorBase tensor)
