"""How far are we from published measurements and third-party answers? See README.md of this room."""

from megawatt.validation.registry import KINDS, ValidationKind, kind_of, unscored, validate

__all__ = ["KINDS", "ValidationKind", "kind_of", "unscored", "validate"]
