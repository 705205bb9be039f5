"""Canaries: invented personal data planted in copies of a run's conversations, to measure what redaction leaves.

What is measured is recall on such entities in such places, which is an estimate and no promise.
"""
