import { useQuery } from "@tanstack/react-query";

import { resourcesQuery } from "../api/queries";
import type { Agent, Sample } from "../api/router";
import { size } from "../words/time";

/** As many as the server keeps: 20 minutes. */
const SAMPLES = 240;
const WIDTH = 240;
const HEIGHT = 36;

/** CPU and memory of the live run over the last 20 minutes. */
export function Resources({ agent }: { agent: Agent }) {
  const { data } = useQuery({ ...resourcesQuery(agent.id), enabled: agent.run !== null });
  if (agent.run === null) return null;
  const samples = data?.samples ?? [];
  const last = samples.at(-1);
  return (
    <div className="usage">
      <Graph name="CPU" values={samples.map((sample) => sample.cpu_percent)} now={last && `${Math.round(last.cpu_percent)}%`} least={100} most={`${Math.round(highest(samples, "cpu_percent"))}%`} />
      <Graph name="Memory" values={samples.map((sample) => sample.memory_bytes)} now={last && size(last.memory_bytes)} least={1} most={size(highest(samples, "memory_bytes"))} />
    </div>
  );
}

function highest(samples: readonly Sample[], key: "cpu_percent" | "memory_bytes"): number {
  return Math.max(0, ...samples.map((sample) => sample[key]));
}

interface GraphProps {
  name: string;
  values: number[];
  now: string | undefined;
  /** What the scale reaches at least. */
  least: number;
  most: string;
}

function Graph({ name, values, now, least, most }: GraphProps) {
  const top = Math.max(least, ...values) * 1.05;
  const points = values.map((value, at) => `${(((SAMPLES - values.length + at) / (SAMPLES - 1)) * WIDTH).toFixed(1)},${(HEIGHT - 1 - (value / top) * (HEIGHT - 3)).toFixed(1)}`);
  return (
    <figure>
      <figcaption>
        {name} <strong>{now ?? "–"}</strong> {values.length > 1 && <span className="quiet">at most {most} in {minutes(values.length)}</span>}
      </figcaption>
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} height={HEIGHT} preserveAspectRatio="none" role="img" aria-label={`${name}, now ${now ?? "unknown"}`}>
        {points.length > 1 && <polyline vectorEffect="non-scaling-stroke" points={points.join(" ")} />}
      </svg>
    </figure>
  );
}

function minutes(samples: number): string {
  const whole = Math.round((samples * 5) / 60);
  return whole < 1 ? "the last minute" : `${whole} min`;
}
