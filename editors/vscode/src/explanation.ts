/** The page of an explanation. Pure. */
import { pageBuilder } from "./page";
import type { Page } from "./page";

export interface Explained {
  readonly file: string;
  readonly uri: string;
  /** Lines, from 1; without a last one it was the function around the first. */
  readonly first: number;
  readonly last: number | undefined;
}

/** `end` stands below the text: that more comes, or why no more does. */
export function explanationPage(about: Explained, text: string, end: string): Page {
  const page = pageBuilder();
  const { file, uri, first, last } = about;
  const lines = last === undefined || last === first ? `${first}` : `${first}–${last}`;
  page.line("# ", { text: `${file}:${lines}`, target: `${uri}#L${first}`, tooltip: "Open" });
  page.line("");
  if (text !== "") {
    page.block(text);
  }
  if (end !== "") {
    if (text !== "" && end !== "…") {
      page.line("");
    }
    page.line(end === "…" ? end : `*${end}*`);
  }
  return page.build();
}
