; Scopes and definitions; the convention stands in slmcode/syntax/locals.py.
[(function_declaration) (function_definition)] @function
[
  (block) (do_statement) (for_statement) (while_statement) (repeat_statement) (if_statement)
  (elseif_statement) (else_statement)
] @scope
(parameters (identifier) @definition)
(variable_declaration (assignment_statement (variable_list (identifier) @definition)))
(variable_declaration (variable_list (identifier) @definition))
(for_numeric_clause name: (identifier) @definition)
(for_generic_clause (variable_list (identifier) @definition))
(dot_index_expression field: (identifier) @other)
(method_index_expression method: (identifier) @other)
(field name: (identifier) @other)
(function_declaration name: (identifier) @fixed)
(goto_statement (identifier) @other)
(label_statement (identifier) @other)
