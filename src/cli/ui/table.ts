// Rows as columns that line up, by the width text takes on a terminal. The last column is as long as
// it is, and nothing is cut: a table is data, and a pipe has no width.

import { styled } from "./style.ts";
import { textWidth } from "./width.ts";

const GAP = "  ";

/** How a table looks. */
export interface TableOptions {
  /** Names of the columns; without them the rows stand alone. */
  readonly head?: readonly string[];
  /** Columns, by number, whose text stands at the right: quantities. */
  readonly right?: readonly number[];
  /** Whether the head may be faint. */
  readonly color?: boolean;
}

/** Lines of a table, no blanks at their ends. Cells are escaped by whoever made them. */
export function tableLines(
  rows: readonly (readonly string[])[],
  { head, right = [], color = false }: TableOptions = {},
): readonly string[] {
  const all = head === undefined ? rows : [head, ...rows];
  const columns = Math.max(0, ...all.map((row) => row.length));
  const widths = Array.from(
    { length: columns },
    (_, column) => Math.max(...all.map((row) => textWidth(row[column] ?? ""))),
  );
  return all.map((row, index) => {
    const line = row
      .map((cell, column) => padded(cell, widths[column] ?? 0, right.includes(column)))
      .join(GAP).trimEnd();
    return head !== undefined && index === 0 ? styled(line, "faint", color) : line;
  });
}

function padded(cell: string, width: number, right: boolean): string {
  const blanks = " ".repeat(Math.max(0, width - textWidth(cell)));
  return right ? blanks + cell : cell + blanks;
}
