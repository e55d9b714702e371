; Definitions and imports; the convention stands in slmcode/syntax/symbols.py. What follows a
; package statement without a block belongs to it: slmcode/syntax/nesting.py.
(package_statement name: (package) @name (block)? @body) @definition.module
(subroutine_declaration_statement name: (bareword) @name body: (block) @body) @definition.function
((use_statement module: (package) @_module [
  (list_expression . (autoquoted_bareword) @name)
  (anonymous_hash_expression (list_expression (autoquoted_bareword) @name))
]) @definition.constant
  (#eq? @_module "constant"))
(source_file (expression_statement [
  (variable_declaration variable: (_) @name)
  (variable_declaration variables: (_) @name)
  (assignment_expression left: (variable_declaration variable: (_) @name))
  (assignment_expression left: (variable_declaration variables: (_) @name))
]) @definition.variable)

((use_statement module: (package) @_module [
  (string_literal content: (_) @import.module)
  (quoted_word_list content: (_) @import.module)
]) @import
  (#match? @_module "^(parent|base)$"))
((use_statement module: (package) @import.module) @import
  (#not-match? @import.module "^(parent|base|constant|strict|warnings|utf8|feature|lib)$"))
((use_statement module: (package) @import.module [
  (string_literal content: (_) @import.name)
  (quoted_word_list content: (_) @import.name)
]) @import
  (#not-match? @import.module "^(parent|base|constant|strict|warnings|utf8|feature|lib)$"))
(require_expression (bareword) @import.module) @import
(require_expression (interpolated_string_literal content: (_) @import.module)) @import
(require_expression (string_literal content: (_) @import.module)) @import
