"""Other libraries' names and arguments, with their exact numbers: `import snnjax.compat.norse`.

One module per library, imported only when it is asked for. Each is thin: it says which cell of snnjax a layer of that
library is, with which options, and holds only what is peculiar to the library.
"""
