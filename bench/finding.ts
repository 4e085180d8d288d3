/** One figure that a measurement came to, and what is asked of it; without a requirement it is only reported. */
export type Finding = {
  what: string;
  measured: number;
  unit: Unit;
  required?: { atLeast: number } | { atMost: number };
};

type Unit = '×' | '/s' | 'ms' | 'MB' | 'count';

/** Null: nothing is asked of it. */
export function isMet({ measured, required }: Finding): boolean | null {
  if (!required) return null;
  return 'atLeast' in required ? measured >= required.atLeast : measured <= required.atMost;
}

/** The table a person reads, a row for each finding. */
export function renderTable(findings: Finding[]): string {
  const rows = [['what', 'measured', 'required', 'met'], ...findings.map(toRow)];
  const widths = [0, 1, 2, 3].map((column) => Math.max(...rows.map((row) => row[column]!.length)));
  const lines = rows.map((row) =>
    row
      .map((cell, column) => pad(cell, widths[column]!, column))
      .join('  ')
      .trimEnd(),
  );
  return [lines[0], widths.map((width) => '─'.repeat(width)).join('  '), ...lines.slice(1)].join('\n');
}

function toRow(finding: Finding): string[] {
  const met = isMet(finding);
  return [
    finding.what,
    inUnit(finding.measured, finding.unit),
    requirementWords(finding),
    met === null ? '' : met ? 'yes' : 'NO',
  ];
}

function requirementWords({ required, unit }: Finding): string {
  if (!required) return '';
  return 'atLeast' in required ? `≥ ${inUnit(required.atLeast, unit)}` : `≤ ${inUnit(required.atMost, unit)}`;
}

/** Figures stand to the right, words to the left. */
function pad(cell: string, width: number, column: number): string {
  return column === 1 || column === 2 ? cell.padStart(width) : cell.padEnd(width);
}

function inUnit(value: number, unit: Unit): string {
  if (unit === '×') return `${value.toFixed(2)} ×`;
  if (unit === 'ms' && value < 10) return `${value.toFixed(1)} ms`;
  const whole = Math.round(value).toLocaleString('en-US');
  return unit === 'count' ? whole : unit === '/s' ? `${whole}/s` : `${whole} ${unit}`;
}
