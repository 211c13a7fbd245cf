# The libc of one platform of a tree, as a package set would ask for it.
{ path, config }: ((import (/. + path)).systems.elaborate { inherit config; }).libc
