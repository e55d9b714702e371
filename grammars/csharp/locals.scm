; Scopes and definitions; the convention stands in slmcode/syntax/locals.py.
; Parameters can be given by their names, so others may know them.
[(method_declaration) (constructor_declaration) (local_function_statement)] @function
[
  (block) (for_statement) (foreach_statement) (catch_clause) (using_statement) (switch_section)
  (lambda_expression)
] @scope
(parameter name: (identifier) @fixed)
(lambda_expression parameters: (implicit_parameter) @fixed)
(variable_declaration (variable_declarator name: (identifier) @definition))
(foreach_statement left: (identifier) @definition)
(catch_declaration name: (identifier) @definition)
(declaration_expression name: (identifier) @fixed)
(declaration_pattern name: (identifier) @fixed)
(class_declaration) @opaque
(member_access_expression name: (identifier) @other)
(argument name: (identifier) @other)
(method_declaration name: (identifier) @other)
(anonymous_object_creation_expression) @opaque
