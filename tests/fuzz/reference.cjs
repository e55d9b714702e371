// What a client's documents hold, by Microsoft's vscode-languageserver-textdocument.
//
//   node reference.cjs FOLDER      FOLDER has node_modules with the package in it
//
// One sequence of operations a line comes in, {encoding, ops}, and its results go out, a line each;
// see documents.py for both. The package counts UTF-16 units. Columns of the other encodings are
// translated here by whole lines through Buffer and Array.from, offsets (code points) likewise.
'use strict';

const path = require('node:path');
const readline = require('node:readline');
const zlib = require('node:zlib');
const { createRequire } = require('node:module');

const { TextDocument } = createRequire(path.resolve(process.argv[2], 'package.json'))(
  'vscode-languageserver-textdocument',
);

const LINE_END = /\r\n|\r|\n/;
const isHigh = (unit) => unit >= 0xd800 && unit <= 0xdbff;
const isLow = (unit) => unit >= 0xdc00 && unit <= 0xdfff;

// UTF-16 units of `line` in front of a column. Inside a character of another encoding: its start.
function toUtf16(line, column, encoding) {
  if (encoding === 'utf-16') return column;
  if (encoding === 'utf-32') return Array.from(line).slice(0, column).join('').length;
  const bytes = Buffer.from(line, 'utf8');
  let end = Math.min(column, bytes.length);
  while (end < bytes.length && (bytes[end] & 0xc0) === 0x80) end--;
  return bytes.toString('utf8', 0, end).length;
}

function fromUtf16(prefix, encoding) {
  if (encoding === 'utf-16') return prefix.length;
  return encoding === 'utf-8' ? Buffer.byteLength(prefix, 'utf8') : Array.from(prefix).length;
}

function digest(text) {
  return [zlib.crc32(Buffer.from(text, 'utf16le')), text.length];
}

class Client {
  constructor(encoding, texts) {
    this.encoding = encoding;
    this.texts = texts; // in place of digests
    this.documents = new Map();
    this.lost = new Set(); // not known up to a full text
    this.orders = new Map(); // cells of notebooks
    this.faults = [];
  }

  digest(document) {
    return this.texts ? document.getText() : digest(document.getText());
  }

  position(text, { line, character }) {
    const content = this.encoding === 'utf-16' ? undefined : text.split(LINE_END)[line];
    return {
      line,
      character: content === undefined ? character : toUtf16(content, character, this.encoding),
    };
  }

  open(uri, version, text) {
    const document = TextDocument.create(uri, 'python', version, text);
    this.documents.set(uri, document);
    this.lost.delete(uri);
    return ['open', this.digest(document), document.lineCount];
  }

  change(uri, version, changes, places, offsets) {
    if (this.lost.has(uri)) {
      const full = changes.findLastIndex((change) => !change.range);
      if (full < 0) return ['change', null];
      this.open(uri, version, '');
      changes = changes.slice(full);
    }
    if (!this.documents.has(uri)) return ['change', null];
    const digests = [];
    if (changes.length === 0) TextDocument.update(this.documents.get(uri), [], version);
    for (const change of changes) {
      const document = this.documents.get(uri);
      const text = document.getText();
      let translated = change;
      if (change.range) {
        const { start, end } = change.range;
        const range = { start: this.position(text, start), end: this.position(text, end) };
        translated = { range, text: change.text };
      }
      TextDocument.update(document, [translated], version);
      this.checkLines(document, translated);
      digests.push(this.digest(document));
    }
    const document = this.documents.get(uri);
    const at = places.map(([line, character]) => this.offsetAt(document, line, character));
    const positions = offsets.map((offset) => this.positionAt(document, offset));
    return ['change', document.version, digests, document.lineCount, at, positions];
  }

  // The package keeps its lines up to date by itself. Where they are not those of the text (a range
  // that begins behind the last line), that is its fault: it is told, and the document made anew.
  checkLines(document, change) {
    const text = document.getText();
    const fresh = TextDocument.create(document.uri, document.languageId, document.version, text);
    const kept = document.getLineOffsets();
    const right = fresh.getLineOffsets();
    if (kept.length === right.length && right.every((offset, i) => offset === kept[i])) return;
    this.faults.push(change.range);
    this.documents.set(document.uri, fresh);
  }

  // In code points. Between the halves of a pair: in front of it.
  offsetAt(document, line, character) {
    const text = document.getText();
    let offset = document.offsetAt(this.position(text, { line, character }));
    if (isLow(text.charCodeAt(offset)) && isHigh(text.charCodeAt(offset - 1))) offset--;
    return Array.from(text.slice(0, offset)).length;
  }

  positionAt(document, offset) {
    const text = document.getText();
    const index = Array.from(text).slice(0, offset).join('').length;
    const { line, character } = document.positionAt(index);
    return [line, fromUtf16(text.split(LINE_END)[line].slice(0, character), this.encoding)];
  }

  close(uri) {
    const wasLost = this.lost.delete(uri);
    return ['close', this.documents.delete(uri) || wasLost];
  }

  lose(uri) {
    const wasOpen = this.documents.delete(uri);
    if (wasOpen) this.lost.add(uri);
    return ['lose', wasOpen];
  }

  cells(notebook, start, deleteCount, uris) {
    const order = this.orders.get(notebook) ?? [];
    order.splice(start, deleteCount, ...uris);
    this.orders.set(notebook, order);
    return ['cells', [...order]];
  }

  run([kind, ...args]) {
    switch (kind) {
      case 'open':
      case 'change':
      case 'close':
      case 'lose':
        return [this[kind](...args)];
      case 'openNotebook': {
        const [notebook, cells] = args;
        this.orders.delete(notebook);
        return [
          this.cells(notebook, 0, 0, cells.map(([uri]) => uri)),
          ...cells.map((cell) => this.open(...cell)),
        ];
      }
      case 'changeNotebook': {
        const [notebook, splice, closed, opened, texts] = args;
        return [
          ...(splice ? [this.cells(notebook, ...splice)] : []),
          ...closed.map((uri) => this.close(uri)),
          ...opened.map((cell) => this.open(...cell)),
          ...texts.map((change) => this.change(...change)),
        ];
      }
      case 'closeNotebook': {
        const [notebook, uris] = args;
        this.orders.delete(notebook);
        return [['cells', []], ...uris.map((uri) => this.close(uri))];
      }
    }
    throw new Error(kind);
  }
}

readline.createInterface({ input: process.stdin, crlfDelay: Infinity }).on('line', (line) => {
  const { encoding, ops, texts } = JSON.parse(line);
  const client = new Client(encoding, texts);
  let answer;
  try {
    answer = { results: ops.map((op) => client.run(op)), faults: client.faults };
  } catch (error) {
    answer = { error: error.message }; // no sequence: what is being shortened was cut too far
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
});
