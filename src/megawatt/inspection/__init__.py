"""What a key or a file is, what was understood of it, and what is wrong with it. See README.md of this room."""

from megawatt.inspection.kinds import KINDS, FileKind, check, describe, kind_of
from megawatt.inspection.records import Description, Line, Section

__all__ = ["KINDS", "Description", "FileKind", "Line", "Section", "check", "describe", "kind_of"]
