"""The cleansed set: what people decided, and where the automatic rule is asked, what nobody did.

It never writes into the source; a decision of a person always stands.
"""

from .cleanse import cleanse_text, cleansing, counts, write_cleansed
from .rule import EXCLUDE, KEEP, PROPOSALS, RELABEL, Proposals, propose

__all__ = ["EXCLUDE", "KEEP", "PROPOSALS", "RELABEL", "Proposals", "cleanse_text", "cleansing", "counts", "propose", "write_cleansed"]
