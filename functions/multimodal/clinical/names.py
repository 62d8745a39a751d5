"""Detect names of people in cells that should hold none.

Lists of names are never complete, and every list holds words of medicine too (Hodgkin, Graves, Burkitt). So a word of
the lists counts only among words that could be the rest of a name, and none of those that stand beside an eponym.
"""

import re
import unicodedata

_LONGEST, _MOST_WORDS = 80, 6

_GIVEN_NAMES = """
    aaron anh adam adebayo agnieszka ahmad ahmed aiko aisha akira alan albert alejandro aleksander aleksandra
    alessandro alex alexander alexandra alfred ali alice alicia amanda amina amir amy ana andrea andreas andrew
    andrzej angela anika anita anja anjali ankit ann anna anne annika anthony antje antoine anton antonio arjun
    arthur arun asa ashley astrid axel ayse barbara barbora bartosz beatriz benjamin bernard bernd betty beverly
    bill birgit bjorn bob bobby bogdan bonnie boris brandon brenda brian bruce bryan camille carl carla carlos
    carmen carol caroline catherine charles cheryl chiara chidi chinedu chris christina christine christopher
    chukwuemeka cindy claire clara claude claudia craig cristina cynthia dagmar daniel danielle david deborah debra
    deepak denise dennis diane diego dieter dmitri dominik donald donna doris dorothy douglas dylan ebru edward
    eileen ekaterina elena elif elizabeth ellen emeka emily emma emre enrique eric erica erik ernst esra esteban
    ethan eugene eva evelyn fabian fatima fatma federico felipe fernando florian frances francesca francesco francis
    francisco francois frank franz fred friedrich fritz gabriel gary george gerald gerhard gianluca giovanni gisela
    giulia giuseppe gladys grazyna greg gregory guillaume gunther gurpreet hannah hans hans-peter harold harry hasan
    hassan heather heidi heike heinrich heinz helen helga helmut henrik henry hiroshi holger horst howard hugh
    hussein ian ibrahim ifeoma igor ilse inga ingrid irene isaac isabel isabella isabelle istvan ivan ivana jack
    jacob jacqueline jadwiga jaime james jamie jan jana jane janet janice janos jaroslav jason javier jean jeffrey
    jennifer jens jeremy jerry jesse jessica jesus ji-sung jianguo jill jim jin-woo joan joanna joao joe joel johann
    johannes john johnny jonas jonathan jorge jose josef joseph joshua joyce jozef juan judith judy juha julia julie
    jurgen justin jutta kamal karen karim karin karl katarina katarzyna katherine kathleen kathryn kathy kazuo keiko
    keith kelly kenji kenneth kevin khadija khalid kimberly klaus krzysztof kumiko kyle larry lars laszlo laura
    lauren lawrence lee leila lena leo leonard leszek linda lisa lois lori louis louise luca lucas lucia lucy
    ludmila ludwig luis lynn maciej magdalena mahmoud malgorzata manfred manoj manuel marcin marco marcus margaret
    maria mariam marie marie-claire marilyn mario mark markus marta martha martin martina marvin mary maryam massimo
    mateusz matteo matthew meera megan mehmet melissa mia michael michel michelle miguel mike mikhail mildred
    miroslav mohamed mohammed monica monika mustafa nadia nancy naoko natalia natalie natasha nathan neha ngozi
    nicholas nicole nikolai nikos nkechi noah nora norman olaf olga olivia oluwaseun omar oscar osman otto pablo
    pamela patricia patrick paul paula pavel pedro peggy peter petr petra philip philippe phillip phyllis pierre
    pieter piotr priya rachel rahul raj rajesh ralph randy raul ravi raymond rebecca reinhard renate ricardo richard
    robert roberta roberto robin rodney roger rolf ronald rosa rosario roy russell ruth ryan sabine salma samantha
    samuel sandra sanjay santiago sara sarah satoshi scott sean sergei sergio shanti sharon shawn sheila shirley
    sigrid silvia siobhan sofia sophia sophie soren stanislaw stanley stefan stefano stephanie stephen steven stuart
    sunil sunita susan suzanne sven svetlana sylvia takeshi tammy tanja tatiana teresa terry thandiwe theodore
    theresa thomas thorsten tiffany timothy todd tom tomasz tomoko tony tracy tyler ulrich ursula uwe vaclav
    valentina valerie van-anh vanessa vasily veronica victor vikram vincent vladimir volker walter wanda warren
    wayne wei wei-lin wendy werner wilhelm william willie wojciech wolfgang xiaoming yasmin yiannis yolanda yuki
    yuko yusuf zachary min-jun seo-yeon ji-hoon minh lan hoa linh tuan zainab zbigniew zoltan zsuzsanna γιωργος
    δημητρης ελενη κωνσταντινος μαρια νικος александр алексей андрей анна владимир дмитрий елена иван мария михаил
    наталья николай ольга сергей татьяна דוד חיים יוסף משה רחל שרה احمد حسن علي فاطمة محمد مريم
"""

_SURNAMES = """
    abdullah adams adeyemi ahmed al-fayed alvarez andersen anderson andersson bauer becker bennett berg bianchi
    brooks campbell carter castillo castro chan chaudhary chavez chen choi chowdhury chung clark clarke collins
    colombo cruz das davies davis demir diallo diaz dimitriou doe dubois dupont dvorak eriksson esposito evans
    fernandez ferrari fischer fitzgerald flores foster fuchs gao garcia gomez gonzales gonzalez gonzalo gruber gupta
    gutierrez guzman hall hansen harris hernandez herrera hoang hoffmann hofmann horvath huang huber hughes hussain
    ibrahim ito ivanov ivanova iyer jackson jain jansen jensen jimenez johansen johansson johnson jones joshi kaiser
    kang kapoor karlsson kaur kelly khan kim kimura klein kobayashi koch kovac kovacs kowalska kowalski krause kumar
    larsen le lefebvre lehmann leroy lewis li lin lindstrom liu lopez maier marquez martinez mbeki mehta mendoza
    mensah meyer mishra mitchell mohamed morales moreau moreno morris muller murphy murray nagy nair nakamura
    navarro nelson neumann nguyen nielsen nkosi novak novakova nowak o'brien o'connor o'neill okafor okeke okonkwo
    oliveira olsen olsson ortega ortiz owens ozturk papadopoulos park parker patel pedersen pereira perez peters
    petersen petrov petrova pham phillips popescu popov powell qureshi rahman ramirez ramos rao reddy reyes ribeiro
    richter rivera roberts robinson rodrigues rodriguez rogers romano romero rossi ruiz russo saito salazar sanchez
    sanders santos sato schafer schmid schmidt schmitt schneider schroder schulz schwarz shah shapiro sharma silva
    simmons singh smirnov smith sokolov soto souza stewart suzuki svensson szabo takahashi tanaka taylor thompson
    toth tran traore turner vargas vasquez vu wagner walker wang watanabe weber williams winkler wong wu xu yamada
    yamamoto yang yilmaz zhang zhao zhou zhu zimmermann παπαδοπουλος иванов иванова кузнецов петров петрова смирнов
    כהן לוי كريم
"""

_BESIDE_EPONYMS = """
    abscess adenocarcinoma adenoma anemia arteritis arbor bengal biopsy body brilliance cancer carcinoma catholic
    cell cells center centre chart class classification clinic clinical college contrast count criteria cyst cycle
    day department disease diverticulum edition esophagus exon farber fracture fusion gland grade hernia hopkins
    hospital index institute kernel leukemia left level lobe lower lung lymphoma maze medical memorial method
    mutation negative nodule operation phenomenon positive procedure protocol ratio reaction regimen repair
    resection response right sarcoma scale scan score series sign sinai site smoker solution stage stain status
    study syndrome system systems technique test therapy thyroiditis translocation trial tumor tumour type ulcer
    university unknown upper vaccine variant virus week with without yes
"""

_PARTICLE_WORDS = "al bin bint ben da dal de del della der di do dos du el ibn la las le los te ten ter van von y zu"
_SUFFIX_WORDS = "jr sr ii iii iv md phd dds rn"

_GIVEN, _SUR = frozenset(_GIVEN_NAMES.split()), frozenset(_SURNAMES.split())
_OTHERS = frozenset(_BESIDE_EPONYMS.split())
_PARTICLES, _SUFFIXES = frozenset(_PARTICLE_WORDS.split()), frozenset(_SUFFIX_WORDS.split())

_ENDS_OF_SURNAMES = (
    *("ovich", "evich", "ovna", "evna", "owski", "owska", "ewicz", "enko", "opoulos", "shvili", "sson", "dottir"),
    *("ович", "евич", "овна", "евна", "οπουλος"),
)

_LETTER = r"[^\W\d_]"
_WORD = re.compile(rf"{_LETTER}+(?:['’.-]{_LETTER}+)*\.?")

_TITLED = re.compile(
    r"\b(?:Mr|Mrs|Ms|Miss|Dr|Prof|Herr|Frau|Monsieur|Madame|Mme|Señora?|Signora?)\b\.?"
    r"(?: (?:Dr|med|Prof)\.?){0,3} {1,3}([^\W\d_][^\W\d_'’-]*)"
)

_DICOM_NAME = re.compile(rf"{_LETTER}[\w' -]{{0,63}}\^{_LETTER}[\w' .^-]{{0,63}}")
_NAMED = re.compile(r"\b(?:name|surname|first name|last name) ?[:=] ?[^\W\d_]{2}", re.IGNORECASE)
_CJK = "[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3]"

_WITHOUT_CAPITALS = re.compile(
    rf"{_CJK}{{2,4}}|{_CJK}{{1,3}} {_CJK}{{1,3}}|[\u0590-\u06ff]+(?: [\u0590-\u06ff]+){{1,3}}"
)

_UNMARKED = str.maketrans({"ø": "o", "ł": "l", "ß": "ss", "ı": "i", "đ": "d", "æ": "ae", "’": "'"})


def is_name(cell: str) -> bool:
    """Return whether a cell is, or holds, what looks like the name of a person.

    Examples
    --------
    >>> is_name("Müller, Jürgen"), is_name("seen by Dr. Patel"), is_name("Hodgkin Lymphoma")
    (True, True, False)
    """
    titled = _TITLED.search(cell)
    if (titled and titled.group(1)[0].isupper()) or _DICOM_NAME.fullmatch(cell) or _NAMED.search(cell):
        return True
    words = cell.replace(",", " , ").split() if len(cell) <= _LONGEST else []
    plain = [_plain(word) for word in words]
    if not _OTHERS.isdisjoint(plain):
        return False
    return _is_whole(words, plain) or _holds(words, plain)


def has_shape_of_name(cell: str) -> bool:
    """Return whether a cell could be a name: a few capitalised words, a known one, or a few letters without case."""
    if len(cell) > _LONGEST:
        return False
    words = cell.replace(",", " ").split()
    if _WITHOUT_CAPITALS.fullmatch(" ".join(words)):
        return True
    if len(words) == 1:
        return _is_known(_plain(cell))
    core = [word for word in words if _plain(word) not in _PARTICLES]
    return 2 <= len(core) <= 4 and all(_WORD.fullmatch(word) and word[0].isupper() for word in core)


def _plain(word: str) -> str:
    """Return a word in small letters, without accents and full stop."""
    small = word.rstrip(".").lower().translate(_UNMARKED)
    if small.isascii():
        return small
    return "".join(c for c in unicodedata.normalize("NFKD", small) if not unicodedata.combining(c))


def _is_whole(words: list[str], plain: list[str]) -> bool:
    """Return whether the words are a name and nothing else."""
    pairs = [(word, name) for word, name in zip(words, plain, strict=True) if word != "," and name not in _SUFFIXES]
    if not 2 <= len(pairs) <= _MOST_WORDS or not all(_WORD.fullmatch(word) for word, _ in pairs):
        return False
    core = [(word, name) for word, name in pairs if name not in _PARTICLES and len(name) > 1]
    particles = len(core) < len(pairs)
    initials = any(len(name) == 1 or (word.isupper() and len(word) == 2) for word, name in pairs)
    known = sum(_is_known(name) for _, name in core)
    if not all(word[0].isupper() or not word[0].islower() for word, _ in core):
        return known >= 2 and any(name in _GIVEN for _, name in core)
    given = any(_parts(name) & _GIVEN for _, name in core)
    return known >= 2 or (known == 1 and (given or particles or initials or "," in words))


def _holds(words: list[str], plain: list[str]) -> bool:
    """Return whether a given name is followed by a capitalised word, somewhere in a text."""
    return any(
        name in _GIVEN
        and word[0].isupper()
        and len(after) > 2
        and after[0].isupper()
        and _WORD.fullmatch(after) is not None
        for word, name, after in zip(words, plain, words[1:], strict=False)
    )


def _is_known(name: str) -> bool:
    return not _parts(name).isdisjoint(_GIVEN | _SUR) or name.endswith(_ENDS_OF_SURNAMES)


def _parts(name: str) -> set[str]:
    return {name, *name.split("-")}
