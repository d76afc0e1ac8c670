"""Marks of each language and state, and the same words in ordinary prose, where they are none."""

from __future__ import annotations

import pytest

from douane.detect.scanner import Scanner

MARKED = {
    "fr": [
        ("TRÈS SECRET", "fr-secret"), ("Très Secret\nNote du 3 mars", "fr-secret"), ("CONFIDENTIEL DÉFENSE", "fr-secret"),
        ("SECRET DEFENSE - SPÉCIAL FRANCE", "fr-secret fr-secret"), ("Ce document est classé secret défense.", "fr-secret"),
        ("Diffusion Restreinte\nObjet : essais", "fr-dr"), ("document diffusion restreinte", "fr-dr"),
        ("Confidentiel - Comité de direction", "confidential"), ("[CONFIDENTIEL] budget", "confidential"),
        ("Niveau : confidentiel", "confidential"), ("Mention : Interne", "internal"), ("C1 - Interne", "internal"),
        ("C3 - Confidentiel", "confidential"), ("C4 – Secret", "secret"), ("(strictement confidentiel)", "strictly-confidential"),
        ("Strictement confidentiel, ne pas transférer", "strictly-confidential"),
        ("Ce rapport est strictement confidentiel.", "strictly-confidential"),
        ("Le présent document est confidentiel.", "confidential"), ("Cette note reste confidentielle", "confidential"),
        ("Ce courriel et ses pièces jointes sont confidentiels.", "notice"), ("PERSONNEL ET CONFIDENTIEL", "confidential"),
        ("NE PAS DIFFUSER", "do-not-distribute"), ("Ne pas diffuser\n\nPlan social", "do-not-distribute"),
        ("SOUS EMBARGO JUSQU'AU 12 MARS", "embargo"), ("sous embargo jusqu’au 12 mars à 8 h", "embargo"),
        ("INFORMATION PRIVILÉGIÉE", "mnpi"), ("SECRET MEDICAL", "medical"), ("CONFIDENTIEL AVOCAT", "legal-privilege"),
        ("SECRET DES AFFAIRES", "strictly-confidential"), ("INTERNE\nOrdre du jour", "internal"),
        ("À usage interne uniquement\nGuide", "internal"), ("RESTREINT", "restricted"),
    ],
    "en": [
        ("CONFIDENTIAL", "confidential"), ("Confidential – draft 3", "confidential"), ("Strictly Confidential", "strictly-confidential"),
        ("strictly confidential: Q3 forecast", "strictly-confidential"), ("Sensitivity: Highly confidential", "strictly-confidential"),
        ("This document is confidential.", "confidential"), ("This proposal contains confidential information", "confidential"),
        ("This e-mail and any attachments are confidential and intended for the addressee.", "notice"),
        ("PRIVILEGED & CONFIDENTIAL", "legal-privilege"), ("Attorney-Client Privileged\nMemo", "legal-privilege"),
        ("Confidential and proprietary", "confidential"), ("Private & Confidential\nDear Ms Doe", "confidential"),
        ("INTERNAL USE ONLY", "internal"), ("Internal only\n\nAgenda", "internal"), ("Classification: Internal", "internal"),
        ("DO NOT DISTRIBUTE", "do-not-distribute"), ("NOT FOR FURTHER DISTRIBUTION", "do-not-distribute"),
        ("Embargoed until 9am on Monday", "embargo"), ("CONTAINS MNPI", "mnpi"), ("MATERIAL NONPUBLIC INFORMATION", "mnpi"),
        ("OFFICIAL-SENSITIVE", "uk-official-sensitive"), ("OFFICIAL: SENSITIVE COMMERCIAL", "uk-official-sensitive"),
        ("UK SECRET", "uk-classified"), ("UK EYES ONLY", "uk-classified"), ("MEDICAL IN CONFIDENCE", "medical"),
        ("SECRET//NOFORN", "us-classified"), ("CONFIDENTIAL//REL TO USA, FVEY", "us-classified"),
        ("CUI", "us-controlled"), ("CUI//SP-PRVCY", "us-controlled"), ("FOR OFFICIAL USE ONLY", "us-controlled"),
        ("WITHOUT PREJUDICE", "legal-privilege"), ("RESTRICTED", "restricted"), ("Restricted\nBoard pack", "restricted"),
        ("PROPRIETARY", "confidential"), ("COMPANY CONFIDENTIAL", "confidential"), ("TRADE SECRET", "strictly-confidential"),
    ],
    "de": [
        ("VS-NfD", "de-vs-nfd"), ("VS – Nur für den Dienstgebrauch", "de-vs-nfd"), ("VS-VERTRAULICH", "de-classified"),
        ("VS-Vertraulich", "de-classified"), ("GEHEIM", "de-classified"), ("Einstufung: geheim", "de-classified"),
        ("STRENG GEHEIM", "de-classified"), ("GEHEIM - amtlich geheimgehalten", "de-classified"),
        ("Vertraulich\nProtokoll", "confidential"), ("VERTRAULICH", "confidential"), ("Streng vertraulich!", "strictly-confidential"),
        ("Persönlich / Vertraulich", "confidential"), ("Dieses Dokument ist vertraulich.", "confidential"),
        ("Diese E-Mail enthält vertrauliche Informationen", "notice"), ("INTERN", "internal"), ("Vertraulichkeit: intern", "internal"),
        ("NUR FÜR DEN INTERNEN GEBRAUCH", "internal"), ("NICHT WEITERGEBEN", "do-not-distribute"),
        ("Sperrfrist: 12. März, 9 Uhr", "embargo"), ("GESCHÄFTSGEHEIMNIS", "strictly-confidential"),
        ("ÄRZTLICHE SCHWEIGEPFLICHT", "medical"), ("INSIDERINFORMATION", "mnpi"),
    ],
    "es": [
        ("CONFIDENCIAL", "confidential"), ("Confidencial\nActa", "confidential"), ("ESTRICTAMENTE CONFIDENCIAL", "strictly-confidential"),
        ("estrictamente confidencial", "strictly-confidential"), ("DIFUSIÓN LIMITADA", "es-restricted"),
        ("Difusión limitada\nInforme", "es-restricted"), ("RESERVADO", "es-classified"), ("SECRETO", "es-classified"),
        ("Clasificación: reservado", "es-classified"), ("ALTO SECRETO", "es-classified"), ("USO INTERNO", "internal"),
        ("Este documento es confidencial.", "confidential"), ("NO DIFUNDIR", "do-not-distribute"),
        ("Bajo embargo hasta el 12 de marzo", "embargo"), ("SECRETO PROFESIONAL", "legal-privilege"), ("SECRETO MÉDICO", "medical"),
        ("INFORMACIÓN PRIVILEGIADA", "mnpi"), ("Personal y confidencial", "confidential"),
    ],
    "it": [
        ("RISERVATO", "confidential"), ("Riservato\nVerbale", "confidential"), ("RISERVATISSIMO", "it-classified"),
        ("SEGRETO", "it-classified"), ("SEGRETISSIMO", "it-classified"), ("STRETTAMENTE RISERVATO", "strictly-confidential"),
        ("Strettamente confidenziale", "strictly-confidential"), ("CONFIDENZIALE", "confidential"),
        ("Questo documento è riservato.", "confidential"), ("SOLO PER USO INTERNO", "internal"), ("NON DIVULGARE", "do-not-distribute"),
        ("Classificazione: segreto", "it-classified"), ("SEGRETO PROFESSIONALE", "legal-privilege"), ("SEGRETO AZIENDALE", "strictly-confidential"),
        ("INFORMAZIONI PRIVILEGIATE", "mnpi"),
    ],
    "nato, eu, tlp, neighbours": [
        ("NATO RESTRICTED", "nato-restricted"), ("NATO CONFIDENTIAL", "nato-classified"), ("NATO SECRET ATOMAL", "nato-classified nato-classified"),
        ("COSMIC TRÈS SECRET", "nato-classified"), ("OTAN DIFFUSION RESTREINTE", "nato-restricted"), ("NATO UNCLASSIFIED", "nato-unclassified"),
        ("RESTREINT UE/EU RESTRICTED", "eu-restricted"), ("CONFIDENTIEL UE/EU CONFIDENTIAL", "eu-classified"),
        ("TRÈS SECRET UE/EU TOP SECRET", "eu-classified"), ("SECRET UE", "eu-classified"), ("R-UE/EU-R", "eu-restricted"),
        ("SENSITIVE NON-CLASSIFIED", "eu-sensitive"), ("TLP:RED", "tlp-red"), ("TLP RED", "tlp-red"), ("TLP-AMBER", "tlp-amber"),
        ("Tlp : Amber + Strict", "tlp-amber-strict"), ("tlp:clear", "tlp-clear"), ("ZEER GEHEIM", "be-classified"),
        ("BEPERKTE VERSPREIDING", "be-classified"), ("RESTREINT LUX", "lu-classified"), ("SECRET LUX", "lu-classified"),
        ("VERTROUWELIJK", "confidential"), ("Strikt vertrouwelijk", "strictly-confidential"),
    ],
}  # fmt: skip

ORDINARY = {
    "fr": [
        "un dossier classé secret défense, selon la presse", "le secret-défense est levé", "le ton confidentiel de sa lettre",
        "ce film est resté confidentiel", "vos données restent strictement confidentielles", "ajoutez-le à la liste de diffusion restreinte",
        "Votre candidature sera traitée de façon strictement confidentielle", "une recette secrète", "le règlement intérieur",
        "la communication interne de l'entreprise", "Qu'est-ce que le secret médical ?", "l'embargo sur les armes", "il ne faut pas diffuser la chaleur",
        "niveaux : public, interne, confidentiel, secret", "Les niveaux sont PUBLIC, INTERNE et CONFIDENTIEL", "accès restreint aux caves",
        "le secret des affaires est protégé par la loi", "le service interne", "Secret de fabrication : la vanille", "Interne des hôpitaux, il publie",
        "Le contrat contient une clause de confidentialité.", "ce n'est pas confidentiel", "Ce document n'est pas confidentiel.",
        "À l'usage interne s'ajoute l'usage externe", "Un avocat est tenu au secret professionnel.",
    ],
    "en": [
        "the confidential tone of her letter", "a secret recipe", "your answers will be kept strictly confidential", "TLP", "the TLP standard",
        "internal affairs", "restricted access area", "do not share the cake", "what does confidential mean?", "Confidential computing is new",
        "Secret Santa is on Friday", "top secret mission in the film", "the arms embargo ended", "an official and sensitive matter",
        "PUBLIC, INTERNAL, CONFIDENTIAL, RESTRICTED", "levels: public|internal|confidential", "is it confidential or internal?",
        "proprietary software is not free software", "This document is not confidential.", "He is privileged and shy",
        "The information is for internal use only in principle", "inside information about cheese", "NATO secretary general", "the EU confidential whistleblower line",
        "Restricted stock units vest in May", "without prejudice to other rights", "Internal Revenue Service", "for official use only applies to the printer",
        "SECRET_KEY = 1", "if level == CONFIDENTIAL:", "Confidentiality is a virtue", "the restricted diet", "the cosmic secret of stars",
    ],
    "de": [
        "Ihre Bewerbung wird streng vertraulich behandelt", "ein streng geheimes Rezept", "der vertrauliche Ton", "Das ist geheim", "interne Revision",
        "die geheime Zutat", "Öffentlich, Intern, Vertraulich", "nicht vertraulich", "Dieses Dokument ist nicht vertraulich.", "Die Sperrfrist beim Arbeitsamt",
        "intern und extern", "der interne Bereich", "das Geschäftsgeheimnis im Gesetz", "Geheim: die Zutat", "Bitte nicht weitergeben lassen, was bricht",
    ],
    "es": [
        "el tono confidencial", "una receta secreta", "todos los derechos reservados", "mesa reservada", "he reservado una mesa", "un secreto a voces",
        "la difusión limitada de la película", "sus datos son estrictamente confidenciales para nosotros", "el uso interno del edificio", "el embargo de la casa",
        "público, interno, confidencial",
    ],
    "it": [
        "il tono riservato", "una ricetta segreta", "tutti i diritti riservati", "posto riservato ai clienti", "POSTO RISERVATO", "il segreto della pasta",
        "un uso interno", "è un tipo riservato", "pubblico, interno, riservato", "i suoi dati resteranno strettamente riservati nel tempo",
    ],
}  # fmt: skip


def marks(scanner: Scanner, text: str) -> str:
    return " ".join(found.detail for found in scanner.scan(text).findings if found.type == "MARK")


@pytest.mark.parametrize(("language", "text", "mark"), [(name, *row) for name, rows in MARKED.items() for row in rows])
def test_a_mark_is_found_alone_and_below_and_above_a_text(
    scanner: Scanner, language: str, text: str, mark: str
) -> None:
    assert marks(scanner, text) == mark
    assert marks(scanner, f"{text}\n\nThe meeting is on Monday.") == mark
    assert marks(scanner, f"The meeting is on Monday.\n\n{text}") == mark


@pytest.mark.parametrize(("language", "text"), [(name, text) for name, texts in ORDINARY.items() for text in texts])
def test_the_same_words_in_prose_are_no_mark(scanner: Scanner, language: str, text: str) -> None:
    assert marks(scanner, text) == ""
    assert marks(scanner, f"Hello. {text}\nThe meeting is on Monday.") == ""
