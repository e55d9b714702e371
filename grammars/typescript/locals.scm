; Scopes and definitions; the convention stands in slmcode/syntax/locals.py.
[
  (function_declaration) (function_expression) (arrow_function) (method_definition)
  (generator_function) (generator_function_declaration)
] @function
[(statement_block) (for_statement) (for_in_statement) (catch_clause) (switch_body)] @scope
(function_declaration name: (identifier) @definition.outer)
(generator_function_declaration name: (identifier) @definition.outer)
(class_declaration name: (type_identifier) @definition)
(function_expression name: (identifier) @fixed)
(variable_declaration (variable_declarator name: (identifier) @fixed))
(variable_declaration (variable_declarator name: [(object_pattern) (array_pattern)] @opaque))
(lexical_declaration (variable_declarator name: (identifier) @definition))
(lexical_declaration (variable_declarator
  name: (object_pattern (shorthand_property_identifier_pattern) @definition)))
(lexical_declaration (variable_declarator
  name: (object_pattern
    (object_assignment_pattern left: (shorthand_property_identifier_pattern) @definition))))
(lexical_declaration (variable_declarator
  name: (object_pattern (pair_pattern value: (identifier) @definition))))
(lexical_declaration (variable_declarator name: (array_pattern (identifier) @definition)))
(arrow_function parameter: (identifier) @definition)
(catch_clause parameter: (identifier) @definition)
(for_in_statement kind: ["const" "let"] left: (identifier) @definition)
(for_in_statement kind: "var" left: (identifier) @fixed)
(labeled_statement label: (statement_identifier) @other)
[(function_type) (constructor_type) (call_signature) (method_signature) (function_signature)] @scope
(required_parameter !pattern) @opaque
(required_parameter pattern: (identifier) @definition)
(optional_parameter pattern: (identifier) @definition)
(required_parameter pattern: (rest_pattern (identifier) @definition))
(required_parameter pattern: (object_pattern (shorthand_property_identifier_pattern) @definition))
(required_parameter pattern: (object_pattern (pair_pattern value: (identifier) @definition)))
(required_parameter pattern: (array_pattern (identifier) @definition))
(required_parameter (accessibility_modifier) pattern: (identifier) @fixed)
(required_parameter "readonly" pattern: (identifier) @fixed)
(ambient_declaration) @opaque
(required_parameter pattern: (object_pattern
  (object_assignment_pattern left: (shorthand_property_identifier_pattern) @definition)))
