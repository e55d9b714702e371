; @scope: definitions a prefix window may begin with. Blocks are told from the line that opens them.
(defProc) @scope
(declType) @scope
(declConsts) @scope
(declVars) @scope
