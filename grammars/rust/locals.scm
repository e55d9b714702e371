; Scopes and definitions; the convention stands in slmcode/syntax/locals.py.
[(function_item) (closure_expression)] @function
[(block) (match_arm) (for_expression) (while_expression) (if_expression)] @scope
(parameter pattern: (identifier) @definition)
(parameter pattern: (tuple_pattern (identifier) @definition))
(closure_parameters (identifier) @definition)
(let_declaration pattern: (identifier) @definition)
(let_declaration pattern: (tuple_pattern (identifier) @definition))
(let_declaration pattern: (mut_pattern (identifier) @definition))
(for_expression pattern: (identifier) @definition)
(for_expression pattern: (tuple_pattern (identifier) @definition))
(let_condition pattern: (_) @opaque)
(match_pattern) @opaque
(let_declaration pattern: (struct_pattern
  (field_pattern name: (shorthand_field_identifier) @definition)))
(function_item name: (identifier) @other)
(scoped_identifier (identifier) @other)
(macro_invocation macro: (identifier) @other)
(const_item name: (identifier) @fixed)
(static_item name: (identifier) @fixed)
(mod_item) @opaque
(macro_definition) @opaque
