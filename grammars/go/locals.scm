; Scopes and definitions; the convention stands in slmcode/syntax/locals.py.
[(function_declaration) (method_declaration) (func_literal)] @function
[
  (block) (if_statement) (for_statement) (expression_switch_statement) (type_switch_statement)
  (select_statement) (expression_case) (type_case) (communication_case) (default_case)
  (function_type)
] @scope
(parameter_declaration name: (identifier) @definition)
(variadic_parameter_declaration name: (identifier) @definition)
(short_var_declaration left: (expression_list (identifier) @definition))
(var_spec name: (identifier) @definition)
(const_spec name: (identifier) @definition)
(range_clause left: (expression_list (identifier) @definition) ":=")
(receive_statement left: (expression_list (identifier) @definition) ":=")
(type_switch_statement alias: (expression_list (identifier) @fixed))
(function_declaration name: (identifier) @other)
(keyed_element . (literal_element (identifier) @fixed))
