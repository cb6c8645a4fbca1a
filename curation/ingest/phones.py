"""What WhatsApp itself writes into a chat, by the language of the phone.

Whole messages of the app (`media`, `deleted message`, `call`, `notice`), what stands behind the name of a file
(`attached`), the mark of an edited message (`edited`). Phrases are compared folded; … stands for names, times and what
else changes. Kept from exports of both systems; a phrase that is not here is still told by its shape, see whatsapp.py.
"""

import functools
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from curation.text.folding import fold

LONGEST = 400  # characters of what the app writes
KINDS = ("media", "deleted message", "call", "notice")
GAP = "…"
_AROUND = " <>.\n"  # what may stand around the words
READ = ("English", "Arabic")  # whose chats Qirat's checks know
PHONES: Mapping[str, Mapping[str, str]] = {
    "English": {
        "media": "media omitted|image omitted|video omitted|audio omitted|gif omitted|sticker omitted|document omitted|"
        "video note omitted|contact card omitted|view once voice message omitted|"
        "you received a view once…|you sent a view once…",
        "deleted message": "this message was deleted|you deleted this message|this message was deleted by admin…|"
        "you deleted this message as admin|waiting for this message. this may take a while|waiting for this message",
        "call": "missed voice call|missed video call|missed group voice call|missed group video call|"
        "missed voice call at…|missed video call at…|missed voice call, tap to call back|missed voice call. tap to call back|"
        "missed video call. tap to call back|missed video call, tap to call back|voice call, … sec|voice call, … min|"
        "voice call, no answer|video call, … sec|video call, … min|video call, no answer|silenced voice call…|"
        "silenced video call…",
        "notice": "messages and calls are end-to-end encrypted…|messages to this chat and calls are now secured…|"
        "messages you send to this…are…secured with end-to-end encryption…|…security code… changed…|"
        "your security code with…changed…|this chat is with a business account…|this business uses a secure service…|"
        "this business is now using…|this business works with other companies…|…official business account…|"
        "the business account you are chatting with…|this business account …|…is now registered as a…business account…|"
        "…turned on disappearing messages…|…turned off disappearing messages…|disappearing messages were turned…|"
        "…updated the message timer…|…uses a default timer for disappearing messages…|"
        "you use a default timer for disappearing messages…|…pinned a message|…is a contact|"
        "you blocked this contact…|you unblocked this contact…|…created this group|…created group…|…created the group…|"
        "…changed the group name…|…changed the subject…|…changed this group's…|…changed the group description…|"
        "…changed their phone number…|…changed to…|…joined using…|…joined from the community|…was added|…was removed|"
        "…you're now an admin|…is now an admin|…no longer an admin|…live location shared|…reset this group's invite link|"
        "only messages that mention or people share with…|…started a call|…added you|…left",
        "attached": "file attached",
        "edited": "this message was edited",
    },
    "Arabic": {
        "media": "تم استبعاد الوسائط|الوسائط غير مدرجة|الوسائط المحذوفة|تم حذف الوسائط|لم يتم إدراج الوسائط|لم يتم إدراج الصورة|"
        "لم يتم إدراج الفيديو|لم يتم إدراج الفيديوهات|لم يتم إدراج المقاطع الصوتية|لم يتم إدراج المقطع الصوتي|"
        "لم يتم إدراج الملصق|لم يتم إدراج المستند|لم يتم إدراج صورة gif|لم يتم إدراج بطاقة جهة اتصال|تم حذف الملصقات|"
        "…لم يتم إدراج المستند|تم استبعاد الصورة|تم استبعاد الفيديو|تم استبعاد الصوت|تم استبعاد الملصق|تم استبعاد المستند|"
        "صورة محذوفة|الصورة محذوفة|الفيديو محذوف|الملصق محذوف|المقطع الصوتي محذوف|المستند محذوف|"
        "لقد تلقيت رسالة…للعرض مرة واحدة…|لقد استلمت رسالة…للعرض مرة واحدة…|تم استبعاد الرسالة…للعرض مرة واحدة",
        "deleted message": "تم حذف هذه الرسالة|لقد حذفت هذه الرسالة|حذفت هذه الرسالة|أنت حذفت هذه الرسالة|"
        "تم حذف هذه الرسالة من قبل المشرف…|تم حذف هذه الرسالة بواسطة المشرف…|حذف المشرف…هذه الرسالة|"
        "في انتظار هذه الرسالة…|جاري انتظار هذه الرسالة…|بانتظار هذه الرسالة…",
        "call": "مكالمة صوتية فائتة…|مكالمة فيديو فائتة…|مكالمة مرئية فائتة…|مكالمة صوتية جماعية فائتة…|"
        "مكالمة فيديو جماعية فائتة…|مكالمة صوتية لم يرد عليها…|مكالمة فيديو لم يرد عليها…|مكالمة صوتية، … دقيقة|"
        "مكالمة صوتية، … ثانية|مكالمة فيديو، … دقيقة|مكالمة فيديو، … ثانية|مكالمة صوتية، لم يتم الرد",
        "notice": "الرسائل والمكالمات مشفرة…|الرسائل التي ترسلها…مشفرة…|تغير رمز الأمان الخاص بك…|هذه الدردشة مع حساب تجاري…|"
        "يستخدم هذا النشاط التجاري…|تستخدم هذه الشركة خدمة آمنة…|لقد حظرت جهة الاتصال هذه…|تم حظر جهة الاتصال هذه…|"
        "…تغير رمز الأمان…|…تم تغيير رمز الأمان…|…حساب تجاري رسمي…|…الرسائل ذاتية الاختفاء…|…الرسائل المؤقتة…|"
        "…مؤقت الرسائل…|…ثبت رسالة|…ثبتت رسالة|…ثبت…رسالة|…قام بتثبيت رسالة|…هو جهة اتصال|…أنشأ المجموعة…|"
        "…أنشأ مجموعة…|…أنشأ…المجموعة…|…أنشأت المجموعة…|…قام بإنشاء المجموعة…|…أنشأ…هذه المجموعة|…غير اسم المجموعة…|"
        "…غيرت اسم المجموعة…|…غير…اسم المجموعة…|…غير موضوع المجموعة…|…غير…موضوع المجموعة…|…غيرت موضوع المجموعة…|"
        "…غير وصف المجموعة…|…غير…وصف المجموعة…|…قام بتغيير…المجموعة…|…غير صورة المجموعة…|…غير…صورة المجموعة…|"
        "…غير أيقونة المجموعة…|…غير…أيقونة المجموعة…|…غير رقم هاتفه…|…غير…رقم هاتفه…|…انضم باستخدام رابط…|"
        "…انضم…باستخدام رابط…|…انضم من المجتمع|…انضم إلى المجموعة…|…غادر|…غادرت|…غادر…|…تمت إضافة…|…تمت إزالة…|"
        "…تمت إضافته…|…أضافك…|…أضاف…|…أزال…|…مشرف الآن|…مسؤول الآن|…أصبحت الآن مشرفا|…أصبحت الآن مسؤولا|"
        "…تمت مشاركة الموقع المباشر|…شارك الموقع المباشر",
        "attached": "الملف مرفق|ملف مرفق|تم إرفاق ملف|مرفق",
        "edited": "تم تعديل هذه الرسالة|تم تحرير هذه الرسالة",
    },
    "Spanish": {
        "media": "multimedia omitido|archivo omitido|imagen omitida|video omitido|audio omitido|sticker omitido|"
        "documento omitido|gif omitido|tarjeta de contacto omitida|…documento omitido",
        "deleted message": "se eliminó este mensaje|eliminaste este mensaje|este mensaje fue eliminado|"
        "este mensaje ha sido eliminado|esperando este mensaje…|esperando el mensaje…",
        "call": "llamada perdida…|llamada de voz perdida…|videollamada perdida…",
        "notice": "los mensajes y las llamadas están cifrados…|…cifrado de extremo a extremo…|…código de seguridad…|"
        "…creó el grupo…|…cambió el asunto…|…cambió el nombre del grupo…|…cambió la descripción…|…cambió el ícono…|"
        "…activó los mensajes temporales…|…desactivó los mensajes temporales…|…añadió a…|…se unió…|…salió del grupo|"
        "este chat es con una cuenta de empresa…|…fijó un mensaje|…ubicación en tiempo real…",
        "attached": "archivo adjunto|archivo adjuntado",
        "edited": "se editó este mensaje",
    },
    "French": {
        "media": "médias omis|image absente|vidéo absente|audio omis|sticker omis|document manquant|gif retiré|"
        "fiche contact manquante|…document manquant",
        "deleted message": "ce message a été supprimé|vous avez supprimé ce message|en attente de ce message…",
        "call": "appel vocal manqué…|appel vidéo manqué…",
        "notice": "les messages et les appels sont chiffrés…|…chiffrement de bout en bout…|…code de sécurité…|"
        "…a créé le groupe…|…a créé ce groupe|…a changé l'objet…|…a modifié…du groupe…|…a ajouté…|…a rejoint…|"
        "…a activé les messages éphémères…|…a désactivé les messages éphémères…|…a épinglé un message|"
        "cette discussion est avec un compte professionnel…",
        "attached": "fichier joint",
        "edited": "ce message a été modifié",
    },
    "German": {
        "media": "medien ausgeschlossen|medien weggelassen|bild weggelassen|video weggelassen|audio weggelassen|"
        "sticker weggelassen|dokument weggelassen|gif weggelassen|kontaktkarte ausgelassen|…dokument weggelassen",
        "deleted message": "diese nachricht wurde gelöscht|du hast diese nachricht gelöscht|"
        "diese nachricht wurde von…gelöscht|warten auf diese nachricht…|auf diese nachricht warten…",
        "call": "verpasster sprachanruf…|verpasster videoanruf…",
        "notice": "nachrichten und anrufe sind ende-zu-ende-verschlüsselt…|…ende-zu-ende-verschlüsselung…|"
        "…sicherheitsnummer…|…hat die gruppe…erstellt|…hat den betreff…|…hat den gruppennamen…|"
        "…hat die gruppenbeschreibung…|…hat…hinzugefügt|…ist…beigetreten|…hat die gruppe verlassen|"
        "…selbstlöschende nachrichten…|…hat eine nachricht angeheftet|dieser chat ist mit einem unternehmenskonto…",
        "attached": "datei angehängt",
        "edited": "diese nachricht wurde bearbeitet",
    },
    "Portuguese": {
        "media": "mídia oculta|ficheiro não revelado|imagem não revelada|vídeo não revelado|imagem ocultada|áudio ocultado|"
        "vídeo omitido|imagem omitida|documento omitido|figurinha omitida|documento não revelado|sticker não revelado",
        "deleted message": "mensagem apagada|esta mensagem foi apagada|essa mensagem foi apagada|"
        "você apagou esta mensagem|apagou esta mensagem|aguardando mensagem…",
        "call": "chamada de voz perdida…|chamada de vídeo perdida…|ligação de voz perdida…|ligação de vídeo perdida…",
        "notice": "as mensagens e as chamadas são protegidas com a criptografia…|as mensagens e as ligações são…|"
        "as mensagens e chamadas são encriptadas…|…criptografia de ponta a ponta…|…código de segurança…|"
        "…criou o grupo…|…mudou o assunto…|…mudou o nome do grupo…|…adicionou…|…entrou usando…|…mensagens temporárias…|"
        "esta conversa é com uma conta comercial…|…fixou uma mensagem",
        "attached": "arquivo anexado|ficheiro anexado",
        "edited": "mensagem editada|esta mensagem foi editada",
    },
    "Turkish": {
        "media": "medya dahil edilmedi|görüntü dahil edilmedi|video dahil edilmedi|ses dahil edilmedi|"
        "çıkartma dahil edilmedi|belge dahil edilmedi|gif dahil edilmedi|kişi kartı dahil edilmedi",
        "deleted message": "bu mesaj silindi|bu mesajı sildiniz|bu mesaj bekleniyor…",
        "call": "cevapsız sesli arama…|cevapsız görüntülü arama…",
        "notice": "mesajlar ve aramalar uçtan uca şifrelidir…|…uçtan uca şifre…|…güvenlik kodu…|…grubunu oluşturdu|"
        "…bu grubu oluşturdu|…grup adını…|…kişisini ekledi|…gruba katıldı|…kaybolan mesajları…|…süreli mesajları…|"
        "bu sohbet bir işletme hesabı…|…bir mesajı sabitledi",
        "attached": "dosya ekli",
        "edited": "bu mesaj düzenlendi",
    },
    "Indonesian": {
        "media": "media tidak disertakan|gambar tidak disertakan|video tidak disertakan|audio tidak disertakan|"
        "stiker tidak disertakan|dokumen tidak disertakan",
        "deleted message": "pesan ini dihapus|pesan ini telah dihapus|anda menghapus pesan ini|kamu menghapus pesan ini|"
        "menunggu pesan ini…",
        "call": "panggilan suara tak terjawab…|panggilan video tak terjawab…",
        "notice": "pesan dan panggilan terenkripsi secara end-to-end…|…kode keamanan…|…membuat grup…|…mengubah subjek…|"
        "…mengubah nama grup…|…menambahkan…|…bergabung menggunakan…|…pesan sementara…|chat ini dengan akun bisnis…",
        "attached": "file terlampir",
        "edited": "pesan ini diedit",
    },
    "Italian": {
        "media": "media omessi|immagine omessa|video omesso|audio omesso|sticker non incluso|documento omesso|gif esclusa",
        "deleted message": "questo messaggio è stato eliminato|hai eliminato questo messaggio|in attesa del messaggio…",
        "call": "chiamata vocale persa…|videochiamata persa…",
        "notice": "i messaggi e le chiamate sono crittografati…|…crittografia end-to-end…|…codice di sicurezza…|"
        "…ha creato il gruppo…|…ha cambiato l'oggetto…|…ha cambiato il nome del gruppo…|…ha aggiunto…|"
        "…messaggi effimeri…",
        "attached": "file allegato",
        "edited": "questo messaggio è stato modificato",
    },
    "Russian": {
        "media": "без медиафайлов|медиафайл опущен|изображение отсутствует|видео отсутствует|аудио отсутствует|"
        "документ отсутствует|стикер не добавлен|gif отсутствует",
        "deleted message": "данное сообщение удалено|сообщение удалено|вы удалили данное сообщение|"
        "вы удалили это сообщение|ожидание сообщения…",
        "call": "пропущенный аудиозвонок…|пропущенный видеозвонок…|пропущенный звонок…",
        "notice": "сообщения и звонки защищены сквозным шифрованием…|…сквозным шифрованием…|…код безопасности…|"
        "…создал группу…|…создал(а) группу…|…создал(-а) группу…|…изменил(а) название…|…добавил(а)…|…исчезающие сообщения…",
        "attached": "файл добавлен",
        "edited": "сообщение изменено|данное сообщение изменено",
    },
    "Urdu": {
        "media": "میڈیا شامل نہیں|میڈیا شامل نہیں ہے|میڈیا کو چھوڑ دیا گیا|تصویر شامل نہیں|ویڈیو شامل نہیں|آڈیو شامل نہیں",
        "deleted message": "یہ پیغام حذف کر دیا گیا|یہ پیغام حذف کر دیا گیا تھا|آپ نے یہ پیغام حذف کر دیا|"
        "یہ میسج ڈیلیٹ کر دیا گیا|آپ نے یہ میسج ڈیلیٹ کر دیا|اس پیغام کا انتظار ہے…",
        "call": "مسڈ وائس کال…|مسڈ ویڈیو کال…|چھوٹی ہوئی صوتی کال…",
        "notice": "پیغامات اور کالز…مرموز…|پیغامات اور کالیں…مرموز…|پیغامات اور کالز اینڈ ٹو اینڈ…|…سیکیورٹی کوڈ…|"
        "…نے گروپ…بنایا…|…نے یہ گروپ بنایا…|…نے…کو شامل کیا|…گروپ کا نام…|…گروپ چھوڑ دیا",
        "attached": "پیوستہ فائل|فائل منسلک ہے|منسلک فائل",
        "edited": "اس پیغام میں ترمیم کی گئی|اس پیغام میں ترمیم کی گئی تھی|یہ میسج ایڈٹ کیا گیا",
    },
    "Persian": {
        "media": "رسانه پیوست نشده است|رسانه حذف شد|رسانه حذف شده است|رسانه گنجانده نشده|تصویر حذف شد|ویدیو حذف شد|صدا حذف شد",
        "deleted message": "این پیام حذف شد|این پیام حذف شده است|این پیام حذف شده|شما این پیام را حذف کردید|"
        "منتظر این پیام…|در انتظار این پیام…",
        "call": "تماس صوتی بی‌پاسخ…|تماس تصویری بی‌پاسخ…|تماس صوتی از دست رفته…|تماس تصویری از دست رفته…",
        "notice": "پیام‌ها و تماس‌ها…رمزگذاری…|پیام‌ها و تماس‌ها به‌صورت سرتاسری…|…کد امنیتی…|…گروه…را ایجاد کرد|"
        "…این گروه را ایجاد کرد|…نام گروه را…|…را اضافه کرد|…گروه را ترک کرد|…پیام‌های ناپدیدشونده…",
        "attached": "فایل پیوست شد|فایل پیوست شده|فایل ضمیمه شد",
        "edited": "این پیام ویرایش شد|این پیام ویرایش شده است",
    },
    "Dutch": {
        "media": "media weggelaten|afbeelding weggelaten|video weggelaten|audio weggelaten|sticker weggelaten|"
        "document weggelaten",
        "deleted message": "dit bericht is verwijderd|je hebt dit bericht verwijderd|wachten op dit bericht…",
        "call": "gemiste spraakoproep…|gemiste video-oproep…",
        "notice": "berichten en gesprekken worden end-to-end versleuteld…|berichten en oproepen zijn end-to-end…|"
        "…beveiligingscode…|…heeft de groep…gemaakt|…heeft…toegevoegd|…zelfverwijderende berichten…",
        "attached": "bestand bijgevoegd",
        "edited": "dit bericht is bewerkt",
    },
    "Hindi": {
        "media": "मीडिया हटाया गया|मीडिया छोड़ा गया|मीडिया शामिल नहीं है",
        "deleted message": "यह मैसेज हटा दिया गया था|यह मैसेज मिटा दिया गया|आपने यह मैसेज मिटाया",
        "call": "मिस्ड वॉइस कॉल…|मिस्ड वीडियो कॉल…",
        "notice": "मैसेज और कॉल…एन्क्रिप्टेड…|मैसेज और कॉल…एन्क्रिप्ट…|…सुरक्षा कोड…|…ने ग्रुप…बनाया|…ने…को जोड़ा",
        "attached": "फाइल अटैच कर दी गई है|फ़ाइल अटैच की गई है",
        "edited": "यह मैसेज एडिट किया गया",
    },
}


def written_by_app(text: str) -> str | None:
    """What kind of message of the app a whole text is, "media" or "call" and so on; None: somebody wrote it."""
    if len(text) > LONGEST:
        return None
    found = _whole().fullmatch(fold(text.strip(_AROUND)))
    return KINDS[int(str(found.lastgroup)[1:])] if found else None


def is_notice(line: str) -> bool:
    """Whether a line without a sender is the app's account of what became of the group.

    Not to be asked of what somebody said: people, too, write that somebody left.
    """
    return len(line) <= LONGEST and any(pattern.fullmatch(fold(line.strip(_AROUND))) for pattern in _notices().values())


def language_of_phone(app_lines: Iterable[str]) -> str | None:
    """The language in which the app wrote most of these lines, by its English name; None where it is not known."""
    votes: Counter[str] = Counter()
    for line in app_lines:
        if len(line) <= LONGEST:
            told = fold(line.strip(_AROUND))
            votes.update(language for language, pattern in _by_language().items() if pattern.fullmatch(told))
    return votes.most_common(1)[0][0] if votes else None


@functools.cache
def behind_a_file() -> re.Pattern[str]:
    """What stands in brackets behind a file's name, folded, in any language."""
    return re.compile("|".join(re.escape(fold(words)) for words in _of_all("attached")))


@functools.cache
def edited() -> re.Pattern[str]:
    """The mark of an edited message, folded, in any language."""
    return re.compile("|".join(re.escape(fold(words)) for words in _of_all("edited")))


def _of_all(kind: str) -> Iterator[str]:
    return (words for phone in PHONES.values() for words in phone[kind].split("|"))


@functools.cache
def _whole() -> re.Pattern[str]:
    """What the app writes in somebody's name: phrases that begin with words, not with …"""
    groups = (
        f"(?P<k{place}>{_any(words for words in _of_all(kind) if words[0] != GAP)})" for place, kind in enumerate(KINDS)
    )
    return re.compile("|".join(groups), re.DOTALL)


@functools.cache
def _notices() -> Mapping[str, re.Pattern[str]]:
    return {language: re.compile(_any(phone["notice"].split("|")), re.DOTALL) for language, phone in PHONES.items()}


@functools.cache
def _by_language() -> Mapping[str, re.Pattern[str]]:
    """All that the app writes in a language, a file's name with the words behind it among it."""
    return {language: re.compile(_all_of(phone), re.DOTALL) for language, phone in PHONES.items()}


def _all_of(phone: Mapping[str, str]) -> str:
    whole = _any("|".join(phone[kind] for kind in KINDS).split("|"))
    return rf"{whole}|[^\n]*\((?:{_any(phone['attached'].split('|'))})\).*"


def _any(phrases: Iterable[str]) -> str:
    """A pattern of phrases as they are folded; … becomes anything."""
    return "|".join(".*?".join(re.escape(fold(words)) for words in phrase.split(GAP)) for phrase in phrases)
