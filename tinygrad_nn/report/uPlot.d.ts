// What is used here of the charts' library, which comes without types.

declare namespace uPlot {
  type Table = [number[], ...(number | null)[][]];
  type Filter = (plot: uPlot, splits: number[]) => (number | null)[];
  type Extent = (plot: uPlot, low: number | null, high: number | null) => [number, number];

  interface Axis {
    stroke: string;
    grid: { show?: boolean; stroke?: string; width?: number; filter?: Filter };
    ticks: { show: boolean };
    font: string;
    size: number;
    space?: number;
    filter?: Filter;
    values: (plot: uPlot, splits: (number | null)[]) => string[];
  }

  interface Series {
    label?: string;
    stroke?: string;
    width?: number;
    dash?: number[];
    spanGaps?: boolean;
    points?: { show: boolean; size: number; fill: string };
  }

  interface Options {
    width: number;
    height: number;
    legend: { show: boolean };
    cursor: {
      sync: { key: string };
      drag: { x: boolean; y: boolean };
      points: { size: number };
    };
    scales: { [name: string]: { time?: boolean; distr?: number; range?: Extent } };
    axes: Axis[];
    series: Series[];
    hooks: { [event: string]: ((plot: uPlot) => void)[] };
  }
}

declare class uPlot {
  constructor(options: uPlot.Options, data: uPlot.Table, place: HTMLElement);
  readonly root: HTMLElement;
  readonly ctx: CanvasRenderingContext2D;
  readonly bbox: { left: number; top: number; width: number; height: number };
  readonly data: uPlot.Table;
  readonly cursor: { idx?: number | null };
  readonly width: number;
  readonly height: number;
  destroy(): void;
  setSize(size: { width: number; height: number }): void;
  setCursor(at: { left: number; top: number }, tell?: boolean, publish?: boolean): void;
  valToPos(x: number, scale: string, inCanvas?: boolean): number;
}
