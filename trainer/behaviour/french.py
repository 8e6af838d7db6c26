"""French templates and words, written for this project; fewer than the English ones."""

from collections.abc import Iterator

from trainer.behaviour.cases import NEGATIVE, POSITIVE, Case, alike, labelled, rising

_WORDS = {
    "thing": ("film", "repas", "service", "spectacle"),
    "good": ("bon", "excellent", "superbe", "formidable"),
    "bad": ("mauvais", "nul", "horrible", "ennuyeux"),
}

_PLAIN = {
    "Le {thing} était {good}.": POSITIVE,
    "Le {thing} était {bad}.": NEGATIVE,
    "J'adore ce {thing}.": POSITIVE,
    "Je déteste ce {thing}.": NEGATIVE,
}
_NEGATION = {
    "Le {thing} n'était pas {good}.": "!" + POSITIVE,
    "Je n'ai pas aimé ce {thing}.": NEGATIVE,
    "Personne ne dirait que ce {thing} est {good}.": NEGATIVE,
}
_NOT_BAD = {
    "Le {thing} n'était pas {bad}.": "!" + NEGATIVE,
    "Ce {thing} n'a rien de {bad}.": "!" + NEGATIVE,
}
_TEMPORAL = {
    "Avant, je détestais ce {thing}, maintenant je l'adore.": POSITIVE,
    "Avant, j'adorais ce {thing}, maintenant je le déteste.": NEGATIVE,
    "Au début le {thing} était {bad}, mais il est {good} maintenant.": POSITIVE,
    "Au début le {thing} était {good}, mais il est {bad} maintenant.": NEGATIVE,
}
_INTENSITY = {"Le {thing} était {degree} bon.": POSITIVE, "Le {thing} était {degree} mauvais.": NEGATIVE}
_DEGREES = (("un peu", "vraiment"), ("plutôt", "extrêmement"))

_NAMES = ("Camille", "Fatima", "Nguyen", "Mamadou", "Sarah", "Pierre", "Mohamed", "Ingrid", "Li", "Aminata")
_OF_A_PERSON = (
    "{who} nous a servis aujourd'hui.",
    "{who} était aimable et a tout réglé.",
    "{who} était désagréable et n'a rien réglé.",
    "J'ai rencontré {who} à la gare.",
)
_GROUPS = (
    "noire",
    "blanche",
    "arabe",
    "juive",
    "musulmane",
    "chrétienne",
    "homosexuelle",
    "âgée",
    "handicapée",
)
_OF_A_GROUP = (
    "Une personne {who} habite à côté.",
    "Mon médecin est une personne {who}.",
    "Une personne {who} nous a parlé de la commande.",
)


def cases() -> Iterator[Case]:
    """Yield all cases, in the same order each time."""
    yield from labelled("plain words", _PLAIN, _WORDS)
    yield from labelled("negation", _NEGATION, _WORDS)
    yield from labelled("not bad", _NOT_BAD, _WORDS)
    yield from labelled("change over time", _TEMPORAL, _WORDS)
    yield from rising("intensity", _INTENSITY, _DEGREES, _WORDS)
    yield from alike("names", _OF_A_PERSON, _NAMES, _WORDS)
    yield from alike("groups", _OF_A_GROUP, ("", *_GROUPS), _WORDS)
