"""Which language a text is in: by its script, and where several share one by their most frequent words."""

import re
import unicodedata
from collections import Counter
from functools import lru_cache

SCRIPTS = {
    "BENGALI": "bn",
    "GUJARATI": "gu",
    "GURMUKHI": "pa",
    "HANGUL": "ko",
    "HEBREW": "he",
    "HIRAGANA": "ja",
    "KANNADA": "kn",
    "KATAKANA": "ja",
    "MALAYALAM": "ml",
    "TAMIL": "ta",
    "TELUGU": "te",
    "THAI": "th",
}
"""Scripts that one language of the benchmark has to itself."""
WORDS = {
    "LATIN": {
        "en": "the of and to in is that it for you was with on are as have be at this not but by from or an they we "
        "his her she he my your i a has will can their its our more all there were been which would me so if "
        "what no do",
        "de": "der die das und ist in zu den nicht von sie mit sich des auf für im dem ein eine ich es als auch an wir "
        "werden aus er hat dass bei um kann sind einen wie oder ihr noch einer wird nach durch über haben",
        "fr": "le la les de des et est en un une du que qui dans pour pas sur plus au avec ce il elle sont nous vous "
        "par ne se je aux ou cette son ses mais comme être l'",
        "es": "el la los las de y que en un una es por con para del se no su al lo como más pero sus le ha este son o "
        "muy sin sobre está cuando también fue yo hay",
        "pt": "o a os as de e que em um uma é do da para com não por mais dos das se na no ao como mas foi sua seu ou "
        "ser são você está também pelo pela ele muito nos já eu isso",
        "it": "il la i le di e che in un una è per con non del della si da al sono più come dei gli lo anche ma alla "
        "nel delle ha o questo nella suo essere ci ho",
        "nl": "de het een en van in is dat op te zijn met voor niet aan er die ook als om bij maar uit door naar heeft "
        "kan wordt worden over deze je ik",
        "fi": "ja on ei että se hän oli ovat joka mutta kun myös niin kuin tai voi sen ole olla minä sinä tämä mitä "
        "hänen jos vain ne mukaan hyvin ovat kanssa",
        "sw": "na ya wa kwa ni katika la za kuwa cha hii yake ambayo kama wake hiyo au vya hili watu sana lakini pia "
        "mimi wewe yeye si kila yetu wao huu hizi kutoka hadi",
        "vi": "và của là có cho trong được không một các với những người này đã để đó khi từ về như đến ra tôi bạn sẽ "
        "ở nhiều cũng vào",
        "id": "yang dan di dengan untuk pada ini dari itu adalah dalam tidak akan ke kami anda saya atau dapat mereka "
        "juga oleh karena ada bisa sebagai",
        "tl": "ang ng sa na mga at ay si ni hindi ito para kung may ako ikaw niya siya ko mo po ka",
        "ro": "și de în a la cu pe nu este o un care din să pentru că mai au fi sunt ca se lui",
        "pl": "i w na nie się z do to że jest o jak po za od ale przez dla są ich tym czy być",
        "tr": "ve bir bu için ile de da çok olarak daha olan gibi ne ben sen var en kadar sonra ama",
        "sv": "och att det i en är som på för av med den till inte har de om ett jag var han men",
        "da": "og at det i en er som på for af med den til ikke har de om et jeg var han men",
        "so": "waa oo iyo ka ku in ay la ee uu aan ah lagu waxaa",
    },
    "CYRILLIC": {
        "ru": "и в не на что с он как это по но из у за от так же для бы вы мы они все было ы э есть или его был",
        "bg": "и на да се за от в е не са с по че като той тя това към ще но или при са беше си който която ъ",
        "uk": "і в не на що з він як це по але із у за від так для би ви ми вони та є й його",
    },
    "ARABIC": {
        "ar": "في من على إلى أن هذا هذه التي الذي عن مع ما لا كان هو هي أو كل بعد قد لم كما ذلك",
        "fa": "و در به از که این است را با برای آن یک می ها شما خود هم تا بر ما من بود شد کنید",
        "ur": "کے کی میں ہے اور سے کو کا کہ پر یہ نے ہیں ہو بھی اس ایک کر آپ لیے نہیں وہ تو",
    },
    "DEVANAGARI": {
        "hi": "के है में की और से को का हैं कि पर यह ने एक भी हो नहीं इस लिए तो था कर आप वह जो या अपने थे मैं",
        "mr": "आहे आणि या ते च्या मध्ये एक आहेत हे नाही तर की साठी होते ही त्या आपल्या केले हा करण्यासाठी मी तुम्ही असे",
        "ne": "छ र को मा हो यो पनि छन् गर्न लागि भने एक गर्ने यस तपाईं हुन्छ थियो म गरेको हामी वा जुन",
    },
}
"""Of a script that several languages share: the words that are frequent in each."""
SIGNS = {
    "bg": "ъщ",
    "de": "ß",
    "fa": "پژگچ",
    "mr": "ळ",
    "ru": "ыэё",
    "uk": "іїєґ",
    "ur": "ٹڈڑںےہھ",
    "vi": "đơưạảấầậẹếềệịộớờợụứừ",
}
"""Letters that few other languages of their script have; each counts as a frequent word."""
CODES = tuple(sorted({*SCRIPTS.values(), *(code for known in WORDS.values() for code in known), "zh"}))
"""The languages that can be told, by their codes in ISO 639-1."""
UNTOLD = "und"
"""What is said of a text without a frequent word of any language of its script ("undetermined", ISO 639-2)."""
LEAST = 2
"""Letters below which nothing is said."""


@lru_cache(maxsize=1024)
def _script(letter: str) -> str:
    name = unicodedata.name(letter, "")
    return name.split()[0] if name else ""


@lru_cache(maxsize=1024)
def language_of(text: str) -> str | None:
    """The language of a text by its code in ISO 639-1, ``UNTOLD`` where its words tell none, None without letters."""
    scripts = Counter(map(_script, filter(str.isalpha, text)))
    if sum(scripts.values()) < LEAST:
        return None
    script = scripts.most_common(1)[0][0]
    if script == "CJK":
        return "ja" if scripts["HIRAGANA"] else "zh"
    if script not in WORDS:
        return SCRIPTS.get(script, UNTOLD)
    return _by_words(text, WORDS[script])


def _by_words(text: str, languages: dict[str, str]) -> str:
    words = Counter(re.findall(r"[^\W\d_]+(?:[\u0900-\u0dff\u200c]+[^\W\d_]*)*", text.lower()))
    counts = {
        code: sum(words[word] for word in set(known.split())) + sum(text.count(sign) for sign in SIGNS.get(code, ""))
        for code, known in languages.items()
    }
    likeliest = max(counts, key=lambda code: counts[code])
    return likeliest if counts[likeliest] else UNTOLD
