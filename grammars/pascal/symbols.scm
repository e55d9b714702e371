; Definitions and imports; the convention stands in slmcode/syntax/symbols.py.
([
  (unit (moduleName) @name . (_) @body)
  (program (moduleName) @name . (_) @body)
  (library (moduleName) @name . (_) @body)
] @definition.module)
(defProc header: (declProc name: (genericDot lhs: (_) @receiver rhs: (_) @name)) . (_) @body)
  @definition.method
(defProc header: (declProc name: (identifier) @name) . (_) @body) @definition.function
(declType name: (identifier) @name type: (declIntf (kInterface) . (_) @body)) @definition.interface
(declType name: (identifier) @name type: (declClass (kRecord) . (_) @body)) @definition.struct
(declType name: (identifier) @name type: (declClass parent: (_) . (_) @body)) @definition.class
(declType name: (identifier) @name type: (declClass (kClass) . (_) @body)) @definition.class
(declType name: (identifier) @name type: (type (declEnum))) @definition.enum
(declType name: (_) @name) @definition.type
(declEnumValue name: (identifier) @name) @definition.constant
(declField name: (identifier) @name) @definition.field
(declProp name: (identifier) @name) @definition.field
(declClass (declProc name: (identifier) @name) @definition.method)
(declSection (declProc name: (identifier) @name) @definition.method)
(declIntf (declProc name: (identifier) @name) @definition.method)
(interface (declProc name: (identifier) @name) @definition.function)
(declConst name: (identifier) @name) @definition.constant
(declVar name: (identifier) @name) @definition.variable

(declUses (moduleName) @import.module) @import
