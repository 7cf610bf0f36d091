"""Whether a sentence ends with a word: a stop after "Dr.", before a digit or before a small letter ends none."""

import re
from enum import Enum

CLOSERS = "\"'”’)]»"
OPENERS = "\"'“‘(["
_NEVER = frozenset(
    """mr mrs ms mx dr prof messrs msgr mme mlle mlles sra srta sen rep pres adm gov gen col capt cpt lt sgt maj cpl
    pvt cmdr cdr comdr brig hon fr br bro supt insp det rev revd amb atty pfc vs v cf
    viz ca e.g i.e a.k.a p.s mt ste""".split()
)
"""A name or more words follow these, always."""
_MAYBE = frozenset(
    """jan feb febr mar apr jun jul aug sep sept oct nov dec mon tue tues wed weds thu thur thurs fri sat sun
    st rd ave av blvd ln sq hwy pkwy ct pl ter terr cir rte ft pt bldg apt ste rm fl flr jr sr esq phd
    inc corp llc llp ltd co cos bros plc gmbh dept univ assn assoc inst dist mfg intl natl govt est
    in yd yds mi lb lbs oz gal gals qt pt pts tsp tbsp doz km cm mm kg kgs mg ml mph kph hz khz mhz deg temp
    sec secs min mins hr hrs wk wks mo mos yr yrs max avg approx incl excl misc tel ext no nos nr vol vols ch chap pp p
    fig figs ed eds art para pg pgs ref sect ser al etc wash mass calif penn conn fla ariz mich minn okla tenn tex wis
    ill colo kan ala ark miss mont neb nev ore ont que bc ad am pm orig pron usu esp resp alt dia diam
    encl cont asst mgr dir adj adv abbr obs cap caps op""".split()
)
"""A sentence may end here: the next word tells, and whether it is one that sentences begin with."""
_TITLES_TOO = frozenset("hon rep rev gov bro".split())
_WORDS_TOO = frozenset("in no sat sun wed mon mar mass art am ad ill op al miss cap caps ark ore".split())
"""Written small they are ordinary words as well."""
_MEASURED = frozenset("in am no".split())
_STARTERS = frozenset(
    """a an the i i'm i've i'll i'd we we're we've we'll you you're you've you'll your he he's she she's it it's its
    they they're my our his her their this that that's these those there there's here here's what what's who who's where
    where's when why how is are was were do does did don't doesn't didn't can can't could will won't would should have
    has had be let let's please come go see look listen take turn bring ask tell say try stay sit stand wait walk keep
    watch follow meet call enter enjoy beware remember welcome and but or so yet then now if as once everyone everybody
    nobody nothing no not yes yeah oh ah ha well just only never always maybe perhaps all some any both
    each every another many most one two three thank thanks good hello hi hey goodbye today tonight tomorrow after
    before until since while because although though with without for from in on at by to of""".split()
)
_LEADS = frozenset("at in on by from since until till before after around about every near for".split())
_LONGEST_LEAD = 4
""" "At 5 p.m. I eat." and "In the U.S. I sing." are one sentence each, whatever follows the abbreviation."""
_SHOUT = re.compile(r"h+m+|h+m+ph|m+|s+h+|p+s+t+|pf+t*|b*r{2,}|gr+|t[sc]h?k?|t+k|z+|[A-Z]{2,}")
_DOTTED = re.compile(r"(?:[^\W\d_]{1,3}\.)+[^\W\d_]{1,3}")
_ROMAN = re.compile(r"[IVXLC]{2,}|[VX]")


class End(Enum):
    YES = "the sentence ends here"
    NO = "it goes on"
    BREAK = "it goes on, but the voice may take a breath: after the quotation in `“Stop!” he cried`"
    WAIT = "the next word will tell"


def judge(before: list[str], word: str, following: str, whole: bool) -> End:
    """`before` is the sentence so far, `following` what is known of the next word, all of it if `whole`."""
    bare = word.rstrip(CLOSERS)
    if bare.endswith(("!", "?")) and bare == word:
        return End.YES
    if not bare.endswith((".", "…", "!", "?")):
        return End.NO
    first = following.lstrip(OPENERS)[:1]
    if not first and not whole:
        return End.WAIT
    if first.islower():
        return End.NO if bare.endswith((".", "…")) else End.BREAK
    if not bare.endswith(".") or bare.endswith(".."):
        return End.YES
    if first.isdigit():
        return End.NO
    return _after_full_stop(before, bare[:-1].lstrip(OPENERS + "$#"), following, whole)


def _after_full_stop(before: list[str], plain: str, following: str, whole: bool) -> End:
    """A capital letter, or no letter at all, follows the full stop after `plain`."""
    small = plain.lower()
    previous = before[-1] if before else ""
    counted = previous[-1:].isdigit()
    if small == "i":  # "So am I. You too." but "I. Newton"
        return End.YES if before else End.NO
    if small == "no" and not counted:  # "No. I will not." but "No. XIV"
        return _unless_number(following, whole)
    if plain.islower() and (small in _TITLES_TOO or small in _WORDS_TOO) and not (counted and small in _MEASURED):
        return End.YES
    if small in _NEVER:
        return End.NO
    if len(plain) == 1 and plain.isalpha():
        maybe = previous.isalpha() and previous.islower()  # "plan B. We go" but "J. Bones"
        return _if_starter(before, following, whole) if maybe else End.NO
    if small in _MAYBE or _DOTTED.fullmatch(plain) or _has_no_vowel(plain):
        return _if_starter(before, following, whole)
    return End.YES


def _unless_number(following: str, whole: bool) -> End:
    if not whole and following[0] in "IVXLC":
        return End.WAIT
    return End.NO if len(following) > 1 and _ROMAN.fullmatch(following.rstrip(".,;:!?" + CLOSERS)) else End.YES


def _if_starter(before: list[str], following: str, whole: bool) -> End:
    if not whole:
        return End.WAIT
    if len(before) <= _LONGEST_LEAD and before and before[0].strip(OPENERS).lower() in _LEADS:
        return End.NO
    next_word = following.lstrip(OPENERS).rstrip(",;:!?…—–" + CLOSERS).replace("’", "'").lower()
    return End.YES if next_word in _STARTERS or not any(c.isalnum() for c in next_word) else End.NO


def _has_no_vowel(plain: str) -> bool:
    """ "Bldg." and "Rgt." are abbreviations that no list has; "Hmm." and "TV." are none."""
    return (
        plain.isascii()
        and plain.isalpha()
        and not re.search("[aeiouyAEIOUY]", plain)
        and not _SHOUT.fullmatch(plain if plain.isupper() else plain.lower())
    )
