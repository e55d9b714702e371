; Definitions and imports; the convention stands in slmcode/syntax/symbols.py. The tree is flat:
; what belongs to a section, a paragraph or a group item is told by slmcode/syntax/nesting.py.
(program_definition (identification_division (program_name) @name)) @definition.module
(section_header) @name @definition.paragraph
(paragraph_header) @name @definition.paragraph
(select_statement file_name: (WORD) @name) @definition.variable
(data_description (constant_entry name: (WORD) @name)) @definition.constant
((data_description (level_number) @_level (entry_name) @name) @definition.constant
  (#match? @_level "^[78]8$"))
((data_description (level_number) @_level (entry_name) @name) @definition.variable
  (#match? @_level "^(01|1|66|77)$")
  (#not-match? @name "^[Ff][Ii][Ll][Ll][Ee][Rr]$"))
((data_description (level_number) (entry_name) @name) @definition.field
  (#not-match? @name "^[Ff][Ii][Ll][Ll][Ee][Rr]$"))

(copy_statement book: (_) @import.module) @import
(call_statement x: (string) @import.module) @import
