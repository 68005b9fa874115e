import { expect, test } from "vitest";
import { Meter } from "../../studio/src/live/meter";

test("the delay is the median and the rate counts the gaps between answers", () => {
  const meter = new Meter(4000);
  for (const [sent, at] of [[0, 50], [100, 180], [200, 260], [300, 1350]] as const) meter.add(sent, at);
  expect(meter.delay(1350)).toBe(70); // 50, 60, 80, 1050
  expect(meter.rate(1350)).toBeCloseTo((3 * 1000) / 1300, 6);
});

test("what is older than the span no longer counts", () => {
  const meter = new Meter(1000);
  meter.add(0, 500);
  meter.add(1800, 1810);
  expect(meter.delay(1810)).toBe(10);
  expect(meter.rate(1810)).toBeNull();
  expect(meter.delay(5000)).toBeNull();
});
