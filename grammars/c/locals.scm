; Scopes and definitions; the convention stands in slmcode/syntax/locals.py.
(function_definition) @function
[(compound_statement) (for_statement)] @scope
(function_definition declarator: (function_declarator
  parameters: (parameter_list (parameter_declaration declarator: (identifier) @definition))))
(function_definition declarator: (function_declarator
  parameters: (parameter_list (parameter_declaration
    declarator: (pointer_declarator declarator: (identifier) @definition)))))
(function_definition declarator: (function_declarator
  parameters: (parameter_list (parameter_declaration
    declarator: (array_declarator declarator: (identifier) @definition)))))
(function_definition declarator: (pointer_declarator declarator: (function_declarator
  parameters: (parameter_list (parameter_declaration declarator: (identifier) @definition)))))
(function_definition declarator: (pointer_declarator declarator: (function_declarator
  parameters: (parameter_list (parameter_declaration
    declarator: (pointer_declarator declarator: (identifier) @definition))))))
(declaration declarator: (identifier) @definition)
(declaration declarator: (init_declarator declarator: (identifier) @definition))
(declaration declarator: (pointer_declarator declarator: (identifier) @definition))
(declaration declarator: (init_declarator
  declarator: (pointer_declarator declarator: (identifier) @definition)))
(declaration declarator: (array_declarator declarator: (identifier) @definition))
(declaration declarator: (init_declarator
  declarator: (array_declarator declarator: (identifier) @definition)))
(function_declarator declarator: (identifier) @other)
(declaration (storage_class_specifier "extern")
  declarator: (identifier) @fixed)
(enumerator name: (identifier) @fixed)
