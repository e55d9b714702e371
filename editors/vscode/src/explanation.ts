/** The page of an explanation. Pure. */
import { linked } from "./links";
import type { Find } from "./links";
import { pageBuilder } from "./page";
import type { Page, Part } from "./page";

/** What is explained: a title, which may lead somewhere. */
export interface Explained {
  readonly title: string;
  readonly target: string | undefined;
}

/** Lines of a file, from 1; without a last one it was the function around the first. */
export function lines(file: string, uri: string, first: number, last?: number): Explained {
  const which = last === undefined || last === first ? `${first}` : `${first}–${last}`;
  return { title: `${file}:${which}`, target: `${uri}#L${first}` };
}

/** `end` stands below the text: that more comes, or why no more does. */
export function explanationPage(about: Explained, text: string, end: string, find: Find): Page {
  const page = pageBuilder();
  const { title, target } = about;
  const head: Part = target === undefined ? title : { text: title, target, tooltip: "Open" };
  page.line("# ", head);
  page.line("");
  if (text !== "") {
    for (const parts of linked(text, find)) {
      page.line(...parts);
    }
  }
  if (end !== "") {
    if (text !== "" && end !== "…") {
      page.line("");
    }
    page.line(end === "…" ? end : `*${end}*`);
  }
  return page.build();
}
