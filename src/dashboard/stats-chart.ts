import type { EChartsOption } from 'echarts';
import { SPAN_WORDS } from './stats-text.ts';
import type { Stats } from './stats-view.ts';

/** A window's numbers as a chart: pure. Four panels, one question each. */

export const PICTURE = { width: 1200, height: 700 };
export const FONT_FAMILY = 'DejaVu Sans';

const COLOURS = {
  applied: '#2f9e6e',
  failed: '#d64545',
  p50: '#3b6fb6',
  p95: '#8a5cc2',
  opened: '#d98324',
  resolved: '#2f9e6e',
};
/** Of dependencies, the one with the most errors first; told apart also without red and green. */
const ERROR_COLOURS = ['#d64545', '#d98324', '#8a5cc2', '#3b6fb6', '#5b6770'];

type Panel = { title: string; unit: string; left: number; top: number; log?: boolean };

const PANEL = { width: 500, height: 215 };
const PANELS: Panel[] = [
  { title: 'Deliveries', unit: 'webhooks', left: 70, top: 110 },
  { title: 'Received → applied', unit: 'ms', left: 660, top: 110, log: true },
  { title: 'Errors', unit: 'calls', left: 70, top: 425 },
  { title: 'Tickets', unit: 'opened and resolved', left: 660, top: 425 },
];

export function statsChart(stats: Stats): EChartsOption {
  return {
    animation: false,
    backgroundColor: '#ffffff',
    textStyle: { fontFamily: FONT_FAMILY, color: '#24292f' },
    title: [headOf(stats), ...PANELS.map(titleOf)],
    grid: PANELS.map(({ left, top }) => ({ left, top, ...PANEL })),
    xAxis: PANELS.map((_, gridIndex) => timeAxis(stats, gridIndex)),
    yAxis: PANELS.map(({ log }, gridIndex) => valueAxis(gridIndex, log ?? false)),
    series: [...deliverySeries(stats), ...latencySeries(stats), ...errorSeries(stats), ...ticketSeries(stats)],
    legend: PANELS.map(({ left, top }, panel) => ({
      data: legendOf(stats, panel),
      right: PICTURE.width - left - PANEL.width,
      top: top - 33,
      itemGap: 22,
      itemWidth: 12,
      itemHeight: 10,
      align: 'left',
      textStyle: { fontSize: 12 },
    })),
  };
}

function headOf({ span, window }: Stats) {
  const from = window.from.toISOString().slice(0, 16).replace('T', ' ');
  const to = window.to.toISOString().slice(0, 16).replace('T', ' ');
  return {
    text: `Breakwater, ${SPAN_WORDS[span]}`,
    subtext: `${from} to ${to} UTC`,
    left: 30,
    top: 18,
    textStyle: { fontSize: 22 },
    subtextStyle: { fontSize: 13 },
  };
}

function titleOf({ title, unit, left, top }: Panel) {
  return { text: `${title} (${unit})`, left: left - 40, top: top - 36, textStyle: { fontSize: 14 } };
}

function timeAxis({ slots, span }: Stats, gridIndex: number) {
  const label = (at: Date) => (span === '7d' ? at.toISOString().slice(5, 10) : at.toISOString().slice(11, 16));
  return {
    type: 'category' as const,
    gridIndex,
    data: slots.map(({ at }) => label(at)),
    axisLabel: { fontSize: 11, interval: Math.ceil(slots.length / (span === '7d' ? 7 : 8)) - 1 },
    axisTick: { show: false },
  };
}

/** Latencies differ by powers of ten: on a linear axis an outage would leave nothing of the ordinary. */
function valueAxis(gridIndex: number, log: boolean) {
  const shown = { gridIndex, axisLabel: { fontSize: 11 }, splitLine: { lineStyle: { color: '#e6e8eb' } } };
  return log ? { ...shown, type: 'log' as const, min: 1 } : { ...shown, type: 'value' as const, minInterval: 1 };
}

function bars(name: string, panel: number, data: number[], color: string, stack: string) {
  const place = { xAxisIndex: panel, yAxisIndex: panel };
  return { type: 'bar' as const, name, ...place, data, stack, itemStyle: { color }, barCategoryGap: '20%' };
}

function line(name: string, panel: number, data: (number | null)[], color: string) {
  const place = { xAxisIndex: panel, yAxisIndex: panel };
  return {
    type: 'line' as const,
    name,
    ...place,
    data,
    showSymbol: true,
    showAllSymbol: true,
    symbolSize: 3,
    itemStyle: { color },
  };
}

function deliverySeries({ slots }: Stats) {
  return [
    bars(
      'delivered',
      0,
      slots.map(({ applied }) => applied),
      COLOURS.applied,
      'deliveries',
    ),
    bars(
      'given up',
      0,
      slots.map(({ failed }) => failed),
      COLOURS.failed,
      'deliveries',
    ),
  ];
}

function latencySeries({ slots }: Stats) {
  return [
    line(
      'p50',
      1,
      slots.map(({ p50Ms }) => p50Ms),
      COLOURS.p50,
    ),
    line(
      'p95',
      1,
      slots.map(({ p95Ms }) => p95Ms),
      COLOURS.p95,
    ),
  ];
}

function errorSeries(stats: Stats) {
  return namesOf(stats).map((name, index) => {
    const data = stats.slots.map(({ errors }) => errors[index] ?? 0);
    return bars(name, 2, data, ERROR_COLOURS[index]!, 'errors');
  });
}

function ticketSeries({ slots }: Stats) {
  return [
    bars(
      'opened',
      3,
      slots.map(({ opened }) => opened),
      COLOURS.opened,
      'opened',
    ),
    bars(
      'resolved',
      3,
      slots.map(({ resolved }) => resolved),
      COLOURS.resolved,
      'resolved',
    ),
  ];
}

function legendOf(stats: Stats, panel: number): string[] {
  return [['delivered', 'given up'], ['p50', 'p95'], namesOf(stats), ['opened', 'resolved']][panel]!;
}

function namesOf({ dependencies }: Stats): string[] {
  return dependencies.slice(0, ERROR_COLOURS.length).map(({ name }) => name);
}
