// Read {"tables": {name: schema}, "queries": {name: text}} from standard input; print what is wrong with each query.
require("@kusto/language-service-next/bridge.min.js");
require("@kusto/language-service-next/Kusto.Language.Bridge.min.js");

const { Symbols, GlobalState, KustoCode } = globalThis.Kusto.Language;

function list(found) {
  return Array.from({ length: found.Count }, (_, place) => found.getItem(place));
}

function checker(tables) {
  const symbols = Object.entries(tables).map(([name, columns]) => Symbols.TableSymbol.From(`(${columns})`).WithName(name));
  const database = new Symbols.DatabaseSymbol.ctor("workspace", symbols);
  const state = GlobalState.Default.WithDatabase(database);
  return (query) => list(KustoCode.ParseAndAnalyze(query, state).GetDiagnostics()).map((said) => `${said.Code} ${said.Message}`);
}

const asked = JSON.parse(require("fs").readFileSync(0, "utf8"));
const check = checker(asked.tables);
const answers = Object.entries(asked.queries).map(([name, query]) => [name, check(query)]);
console.log(JSON.stringify(Object.fromEntries(answers)));
