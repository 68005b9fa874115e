import { expect, test } from "vitest";
import { Meter } from "../../studio/src/live/meter";
import { Pace } from "../../studio/src/live/pace";

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

test("as many pictures are under way as the server says, and each answer makes room for one", () => {
  const pace = new Pace(2);
  pace.sent(1, 10);
  expect(pace.free).toBe(true);
  pace.sent(2, 40);
  expect(pace.free).toBe(false);
  pace.answered(1, 70);
  expect(pace.free).toBe(true);
  pace.sent(3, 71);
  pace.answered(3, 120); // the second was passed over by the server
  pace.sent(4, 121);
  expect(pace.free).toBe(true);
});

test("a server that says nothing of it gets one picture at a time", () => {
  const pace = new Pace();
  pace.sent(1, 0);
  expect(pace.free).toBe(false);
  pace.answered(null, 20);
  expect(pace.free).toBe(true);
});

test("a slow network is not sent more than it can take, and an answer to something else makes no room", () => {
  const pace = new Pace(2);
  pace.sent(1, 0);
  pace.sent(2, 1);
  pace.answered(7, 30000);
  expect(pace.free).toBe(false);
  pace.answered(1, 60000);
  expect(pace.free).toBe(true);
});

test("the next picture is taken shortly before the oldest under way is usually answered", () => {
  const pace = new Pace(2);
  for (let number = 0; number < 60; number++) {
    pace.sent(number, number * 100);
    pace.answered(number, number * 100 + 80);
  }
  pace.sent(100, 10000);
  expect(pace.soonFree(10001)).toBe(true); // a second may go at once
  pace.sent(101, 10010);
  expect(pace.soonFree(10020)).toBe(false);
  expect(pace.soonFree(10036)).toBe(true);
});
