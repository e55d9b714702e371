/** How a unit's verdict is drawn in an editor: an icon in the gutter, words, a ruler mark. */
import {
  DecorationRangeBehavior,
  Disposable,
  MarkdownString,
  OverviewRulerLane,
  Range,
  ThemeColor,
  Uri,
  window,
} from "vscode";
import type { DecorationOptions, TextEditor } from "vscode";
import { label, linesOf, VERDICTS, verdictOf } from "./translated";
import type { Side, Unit, Verdict } from "./translated";

// The colour for words and ruler is the theme's; an icon's cannot be, so it is one that is read on
// light and dark.
const STYLES: Readonly<Record<Verdict, { color: string; icon: string; path: string }>> = {
  proved: { color: "testing.iconPassed", icon: "#2ea043", path: "M3.5 8.5l3 3 6-7" },
  "not proved": { color: "editorWarning.foreground", icon: "#b58900", path: "M8 3v6M8 12v.5" },
  differs: { color: "editorError.foreground", icon: "#d73a49", path: "M4 4l8 8M12 4l-8 8" },
  refused: { color: "descriptionForeground", icon: "#888888", path: "M3.5 8h9" },
  cancelled: { color: "descriptionForeground", icon: "#888888", path: "M5 5h6v6H5z" },
};

export interface Marks extends Pick<Disposable, "dispose"> {
  draw(editor: TextEditor, side: Side, units: readonly Unit[]): void;
  /** Marks one unit's lines, and no other's. */
  point(editor: TextEditor, side: Side, unit: Unit | undefined): void;
}

export function makeMarks(): Marks {
  const types = new Map(
    VERDICTS.map((verdict) => {
      const { color, icon, path } = STYLES[verdict];
      const type = window.createTextEditorDecorationType({
        gutterIconPath: svg(icon, path),
        gutterIconSize: "80%",
        rangeBehavior: DecorationRangeBehavior.ClosedClosed,
        overviewRulerColor: new ThemeColor(color),
        overviewRulerLane: OverviewRulerLane.Left,
      });
      return [verdict, type] as const;
    }),
  );
  const pointed = window.createTextEditorDecorationType({
    isWholeLine: true,
    backgroundColor: new ThemeColor("editor.rangeHighlightBackground"),
  });

  return {
    draw: (editor, side, units) => {
      for (const [verdict, type] of types) {
        const own = units.filter((unit) => verdictOf(unit) === verdict);
        editor.setDecorations(type, own.map((unit) => mark(editor, side, unit, verdict)));
      }
    },
    point: (editor, side, unit) => {
      const lines = unit && linesOf(unit, side);
      editor.setDecorations(pointed, lines ? [new Range(lines.first, 0, lines.end - 1, 0)] : []);
    },
    dispose: () => {
      Disposable.from(pointed, ...types.values()).dispose();
    },
  };
}

function mark(editor: TextEditor, side: Side, unit: Unit, verdict: Verdict): DecorationOptions {
  const { document } = editor;
  const line = Math.min(linesOf(unit, side).first, document.lineCount - 1);
  const hover = new MarkdownString();
  hover.appendMarkdown(`**${verdict}**${unit.form === "" ? "" : ` · ${unit.form} translation`}`);
  hover.appendText(`${unit.name === "" ? "" : `\n${unit.name}`}${unit.reason === "" ? "" : `\n${unit.reason}`}`);
  return {
    range: document.lineAt(line).range,
    hoverMessage: hover,
    renderOptions: {
      after: {
        contentText: label(unit),
        color: new ThemeColor(STYLES[verdict].color),
        fontStyle: "italic",
        margin: "0 0 0 3em",
      },
    },
  };
}

function svg(color: string, path: string): Uri {
  const shape = `<path d="${path}" stroke="${color}" stroke-width="2" fill="none" stroke-linecap="round"/>`;
  const image = `<svg xmlns="http://www.w3.org/2000/svg" width="16" height="16">${shape}</svg>`;
  return Uri.parse(`data:image/svg+xml;base64,${Buffer.from(image).toString("base64")}`);
}
