"""What surrogates have in common that are made of another one."""

from typing import TYPE_CHECKING

import equinox as eqx

from .._parameter import Param
from ._base import AbstractSurrogate


class AbstractAltered(AbstractSurrogate):
    """A surrogate made of another one, in its field `surrogate`: whose slope it has, and which says if ties fire."""

    surrogate: eqx.AbstractVar[AbstractSurrogate]

    if TYPE_CHECKING:  # type checkers take abstract fields for arguments of the constructor
        slope: Param = eqx.field(init=False)
        inclusive: bool = eqx.field(init=False)
    else:

        @property
        def slope(self) -> Param:
            return self.surrogate.slope

        @property
        def inclusive(self) -> bool:
            return self.surrogate.inclusive
