;;; slmcode.el --- Ghost text from slmcode, by lsp-mode 10  -*- lexical-binding: t; -*-

;; For init.el, after lsp-mode is on the `load-path':
;;   (load "/path/to/slmcode.el")
;; See editors/emacs.md.

;;; Code:

(require 'lsp-mode)
(require 'lsp-inline-completion)

(defvar slmcode-command '("slmcode" "serve")
  "The server: a program and its arguments.")

(defvar slmcode-settings nil
  "Settings by name, such as ((deadline_ms . 150)).  The README lists them.")

(defvar slmcode-modes '(prog-mode)
  "Where completions are wanted: these modes and what is derived from them.")

(defvar slmcode-state "" "The server's state, for the mode line.")

;; lsp-mode waits 2 s before it asks, too long for ghost text.
(setq lsp-idle-delay 0.1
      lsp-inline-completion-idle-delay 0.1)

(add-to-list 'global-mode-string
             '(:eval (if (string-empty-p slmcode-state) "" (concat " slmcode: " slmcode-state))))

(defun slmcode--on-status (_workspace status)
  "Show the state, and what to do where there are no completions because of it."
  (-let (((&hash "state" "message") (slmcode--table status)))
    (setq slmcode-state state)
    (when (member state '("downloadNeeded" "degraded"))
      (lsp--warn "slmcode: %s" message))
    (force-mode-line-update t)))

(defun slmcode--table (object)
  "The JSON OBJECT as a hash table, also where lsp-mode uses property lists."
  (if (hash-table-p object)
      object
    (let ((table (make-hash-table :test 'equal)))
      (cl-loop for (key value) on object by #'cddr
               do (puthash (substring (symbol-name key) 1) value table))
      table)))

(defun slmcode--on-refresh (_workspace place)
  "There is more text for PLACE now: ask again where the cursor is still there."
  (let* ((place (slmcode--table place))
         (position (slmcode--table (gethash "position" place)))
         (document (slmcode--table (gethash "textDocument" place)))
         (buffer (window-buffer)))
    (with-current-buffer buffer
      (when (and lsp-inline-completion-mode
                 (equal (gethash "uri" document) (lsp--buffer-uri))
                 (equal (lsp--cur-position)
                        (list :line (gethash "line" position)
                              :character (gethash "character" position))))
        ;; Not out of the process filter: the request waits for its answer.
        (run-with-idle-timer 0 nil #'lsp-inline-completion--maybe-display buffer (point))))))

(defun slmcode--notify (method params)
  "Send METHOD with PARAMS to slmcode alone."
  (when-let* ((workspace (lsp-find-workspace 'slmcode (buffer-file-name))))
    (with-lsp-workspace workspace (lsp-notify method params))))

(defun slmcode--shown ()
  "An item became visible."
  (slmcode--notify "textDocument/didShowCompletion" (list :item (slmcode--item))))

(defun slmcode--dismissed ()
  "The item was sent away; typing over it is something else."
  (when (eq this-command #'lsp-inline-completion-cancel)
    (slmcode--notify "slmcode/didDismissCompletion" (list :item (slmcode--item)))))

(defun slmcode--item ()
  "The item that is shown."
  (elt lsp-inline-completion--items lsp-inline-completion--current))

(defvar-local slmcode--tick nil "The state of the text at the last rest.")

(defun slmcode--rest ()
  "The cursor rests: the server works ahead.
After a change a completion is asked for anyhow."
  (let ((tick (buffer-chars-modified-tick)))
    (when (and (eql tick slmcode--tick) (not (lsp-inline-completion--active-p)))
      (slmcode--notify "slmcode/cursorMoved" (lsp--text-document-position-params)))
    (setq slmcode--tick tick)))

(defun slmcode--configure ()
  "Take part in a buffer that slmcode serves."
  (when (lsp-find-workspace 'slmcode (buffer-file-name))
    (add-hook 'lsp-inline-completion-shown-hook #'slmcode--shown nil t)
    (add-hook 'lsp-inline-completion-cancelled-hook #'slmcode--dismissed nil t)
    (add-hook 'lsp-on-idle-hook #'slmcode--rest nil t)))

(add-hook 'lsp-configure-hook #'slmcode--configure)

;; Only while ghost text is shown; at all other times Tab is what it was. C-g sends it away.
(define-key lsp-inline-completion-active-map (kbd "TAB") #'lsp-inline-completion-accept)
(define-key lsp-inline-completion-active-map (kbd "<tab>") #'lsp-inline-completion-accept)

(lsp-register-client
 (make-lsp-client
  :server-id 'slmcode
  :add-on? t                            ; beside the language's own server
  :multi-root t
  :new-connection (lsp-stdio-connection (lambda () slmcode-command))
  :activation-fn (lambda (_file mode) (apply #'provided-mode-derived-p mode slmcode-modes))
  :initialization-options (lambda () (or slmcode-settings (make-hash-table)))
  :custom-capabilities '((experimental . ((slmcode . ((refresh . t) (status . t))))))
  :notification-handlers (ht ("slmcode/status" #'slmcode--on-status)
                             ("slmcode/refresh" #'slmcode--on-refresh))))

(provide 'slmcode)
;;; slmcode.el ends here
