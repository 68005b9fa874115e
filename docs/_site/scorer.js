// What the search puts first: a heading that contains what was typed, such as a question of the FAQ; last, the pages about the project itself.
var Scorer = {
  score: ([page, , , , score, , kind]) =>
    score + (kind === "title" ? 100 : 0) - (/^generated\/(changelog|contributing|security)$/.test(page) ? 10 : 0),
  objNameMatch: 11,
  objPartialMatch: 6,
  objPrio: { 0: 15, 1: 5, 2: -5 },
  objPrioDefault: 0,
  title: 15,
  partialTitle: 7,
  term: 5,
  partialTerm: 2,
};
