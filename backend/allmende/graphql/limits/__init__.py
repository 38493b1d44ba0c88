"""What a document may ask for, checked before it is validated, in time linear in its size.

Validation and execution of a hostile document can take for ever: fragments that spread each other twice double with
each line, and 1 KB of them asks for 2⁴⁰ fields. So these rooms come first: `document` measures what the text spells
out, `cost` how much the answer can hold, `values` what comes as variables. `model` has the numbers.
"""
